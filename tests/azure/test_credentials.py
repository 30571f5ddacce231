"""What identifies the account: keys and tokens, however they are come by."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from batchyard import AsyncClient
from batchyard.emulators import Fault, Status
from batchyard.errors import AuthenticationError, BatchyardError, ConfigError
from batchyard.testing import ManualClock
from batchyard_azure.emulator import AzureEmulator
from tests.azure.service import DEPLOYMENTS, KEY, MODELS
from tests.client.conftest import settled
from tests.client.requests import chat_lines

SECRET = "client-SECRET-0123456789abcdef"
ASSERTION = "eyJ.federated-SECRET.0123456789"
APPLICATION = {"tenant_id": "tenant", "client_id": "client"}
TOKENS = "/tenant/oauth2/v2.0/token"


class Rig:
    def __init__(self, emulator: AzureEmulator, url: str, clock: ManualClock, folder: Path) -> None:
        self.emulator, self.url, self.clock = emulator, url, clock
        self.assertion = folder / "federated"
        self.assertion.write_text(f"{ASSERTION}\n")

    def client(self, **credential: Any) -> AsyncClient:
        given = {"base_url": self.url, "authority": self.url, "clock": self.clock, **credential}
        return AsyncClient("azure", deployments=MODELS, **given)

    def asked(self) -> int:
        return len(self.emulator.requests.matching("POST", TOKENS))

    def settings(self, kind: str) -> dict[str, Any]:
        known: dict[str, dict[str, Any]] = {
            "secret": {**APPLICATION, "client_secret": SECRET},
            "workload": {**APPLICATION, "federated_token_file": self.assertion},
            "token": {"ad_token": self.emulator.tokens.issue("https://ai.azure.com")},
            "key": {"api_key": KEY},
            "managed": {"identity": "managed"},
        }
        return known[kind]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    clock = ManualClock()
    emulator = AzureEmulator(
        clock=clock,
        keys=[KEY],
        deployments=DEPLOYMENTS,
        clients={"client": SECRET},
        assertions=[ASSERTION],
    )
    with closing(emulator), emulator.serve() as server:
        yield Rig(emulator, server.url, clock, tmp_path_factory.mktemp("azure"))


@pytest.fixture
def rig(served: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    for name, value in served.emulator.identity_environment(served.url).items():
        monkeypatch.setenv(name, value)
    served.emulator.requests.clear()
    yield served
    served.emulator.faults.clear()


def seen(rig: Rig) -> list[dict[str, str]]:
    """The headers of what the resource itself was sent."""
    return [dict(one.headers) for one in rig.emulator.requests if one.path.startswith("/openai")]


@pytest.mark.parametrize("version", [None, "2025-04-01-preview"])
@pytest.mark.parametrize("kind", ["key", "token", "secret", "workload", "managed"])
def test_a_batch_runs_with_every_kind_of_credential_and_never_with_two(
    rig: Rig, kind: str, version: str | None
) -> None:
    async def main() -> None:
        async with rig.client(api_version=version, **rig.settings(kind)) as client:
            file = await client.files.create(chat_lines(2))
            batch = await client.batches.create(file, "/v1/chat/completions")
            assert (await client.batches.wait(batch)).status == "completed"

    asyncio.run(main())
    for headers in seen(rig):
        assert ("api-key" in headers) != ("authorization" in headers)


def test_many_calls_at_once_ask_for_one_token(rig: Rig) -> None:
    async def main() -> None:
        async with rig.client(**rig.settings("secret")) as client:
            await asyncio.gather(*(settled(client.files.list()) for _ in range(8)))

    asyncio.run(main())
    assert rig.asked() == 1


def test_a_token_is_renewed_before_its_end_and_the_federated_file_is_read_anew(rig: Rig) -> None:
    async def main() -> None:
        async with rig.client(**rig.settings("workload")) as client:
            await settled(client.files.list())
            rig.clock.advance(3599 - 301)
            await settled(client.files.list())
            assert rig.asked() == 1
            rig.assertion.write_text("eyJ.another.one")
            rig.clock.advance(2)
            with pytest.raises(AuthenticationError, match="AADSTS7000215"):
                await settled(client.files.list())
            rig.assertion.write_text(ASSERTION)
            await settled(client.files.list())

    asyncio.run(main())
    assert rig.asked() == 3
    assert {one.status for one in rig.emulator.requests.matching("GET", "/openai/v1/files")} == {
        200
    }


def test_a_token_that_is_refused_before_its_end_is_replaced_once(rig: Rig) -> None:
    async def main() -> None:
        async with rig.client(**rig.settings("secret")) as client:
            file = await client.files.create(chat_lines(1))
            rig.emulator.tokens.revoke_all()
            batch = await client.batches.create(file, "/v1/chat/completions")
            assert batch.id
            rig.emulator.tokens.revoke_all()
            assert (await client.files.retrieve(file)).id == file.id
            rig.emulator.faults.add("GET /openai/v1/files 401 times=always")
            with pytest.raises(AuthenticationError):
                await settled(client.files.list())

    asyncio.run(main())
    assert len(rig.emulator.requests.matching("POST", "/openai/v1/batches")) == 2
    assert len(rig.emulator.requests.matching("GET", "/openai/v1/files")) == 2


def test_a_token_that_is_refused_when_results_are_read_is_replaced_once(rig: Rig) -> None:
    place = "/openai/v1/files/*/content"

    async def main() -> None:
        async with rig.client(**rig.settings("secret")) as client:
            file = await client.files.create(chat_lines(2))
            rig.emulator.tokens.revoke_all()
            assert await client.files.content(file).read() == await _read(client, file)
            always = rig.emulator.faults.add(f"GET {place} 401 times=always")
            with pytest.raises(AuthenticationError):
                await client.files.content(file).read()
            assert always.fired == 2

    async def _read(client: Any, file: Any) -> bytes:
        content: bytes = await client.files.content(file).read()
        assert content
        return content

    asyncio.run(main())


def test_a_static_token_is_not_renewed(rig: Rig) -> None:
    async def main() -> None:
        async with rig.client(ad_token="eyJ.old.one") as client:
            with pytest.raises(AuthenticationError, match="audience is incorrect"):
                await settled(client.files.list())

    asyncio.run(main())
    assert len(seen(rig)) == 1


def test_a_wrong_secret_is_said_to_be_one_and_appears_nowhere(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "wrong-SECRET-0123456789abcdef"

    async def main() -> BatchyardError:
        async with rig.client(**APPLICATION, client_secret=wrong) as client:
            with pytest.raises(AuthenticationError, match="no token was given: AADSTS") as caught:
                await settled(client.files.list())
            (*_, finding) = await client.check()
            assert "Cognitive Services OpenAI User" in (finding.fix or "")
            return caught.value

    error = asyncio.run(main())
    assert error.code == "invalid_client"
    assert wrong not in f"{error!r}{error}{caplog.text}"
    assert rig.asked() == 2  # of the list, and of the check: neither is repeated


def test_a_service_of_tokens_that_is_down_is_asked_again(rig: Rig) -> None:
    rig.emulator.faults.add(f"POST {TOKENS} 503 times=2")

    async def main() -> None:
        async with rig.client(**rig.settings("secret")) as client:
            await settled(client.files.list())

    asyncio.run(main())
    assert rig.asked() == 3


@pytest.mark.parametrize("body", ["{}", "[]", '{"access_token": "two words"}', "<html>"])
def test_a_reply_without_a_token_is_an_error(rig: Rig, body: str) -> None:
    rig.emulator.faults.add(Fault("POST", TOKENS, Status(200, body=body), None))

    async def main() -> None:
        async with rig.client(**rig.settings("secret")) as client:
            with pytest.raises(BatchyardError, match=r"token|Token"):
                await settled(client.files.list())

    asyncio.run(main())
    assert seen(rig) == []


def test_credentials_do_not_follow_a_redirect_to_another_host(rig: Rig) -> None:
    other = AzureEmulator(keys=[KEY])
    with closing(other), other.serve() as elsewhere:
        target = {"location": f"{elsewhere.url}/openai/v1/files"}
        rig.emulator.faults.add(Fault("*", "/openai/v1/files", Status(307, target), None))

        async def main() -> None:
            async with rig.client(api_key=KEY) as client:
                for call in (client.files.list, lambda: client.files.create(chat_lines(1))):
                    with pytest.raises(BatchyardError):
                        await settled(call())

        asyncio.run(main())
        assert len(other.requests) == 0


def test_a_federated_file_that_cannot_be_read_is_said_to_be_one(rig: Rig, tmp_path: Path) -> None:
    async def main() -> None:
        missing = {**APPLICATION, "federated_token_file": tmp_path / "none"}
        async with rig.client(**missing) as client:
            with pytest.raises(ConfigError, match="cannot be read") as caught:
                await settled(client.files.list())
            assert caught.value.param == "federated_token_file"

    asyncio.run(main())


def test_azure_identity_that_has_no_token_is_a_refusal(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")

    async def main() -> None:
        async with rig.client(identity="managed") as client:
            with pytest.raises(BatchyardError, match="azure-identity"):
                await settled(client.files.list())

    asyncio.run(main())
    assert seen(rig) == []


def test_without_azure_identity_the_error_says_what_to_install(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)

    async def main() -> None:
        async with rig.client(identity="default") as client:
            with pytest.raises(ConfigError, match=r"pip install 'batchyard-azure\[identity\]'"):
                await settled(client.files.list())

    asyncio.run(main())
