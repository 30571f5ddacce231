"""Objects that are in Cloud Storage already: read in place, and written nowhere but in our part."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard import Client
from batchyard.drivers import Transport
from batchyard.errors import (
    BatchyardError,
    ConfigError,
    InputError,
    InvalidLinesError,
    NotFoundError,
)
from tests.vertex.conftest import Service, chats
from tests.vertex.shared import as_new, running

CHAT = "/v1/chat/completions"
NATIVE = "/v1/generateContent"
PLACE = "gs://exports/nightly"


@pytest.fixture(scope="module")
def server() -> Iterator[Service]:
    with running() as service:
        service.emulator.objects.add_bucket("exports", "us-central1")
        yield service


@pytest.fixture
def service(server: Service) -> Service:
    return as_new(server)


def put(service: Service, name: str, data: bytes) -> str:
    writer = service.emulator.store.writer()
    writer.write(data)
    service.emulator.objects.put("exports", name, writer.commit(), at=service.clock.now())
    return f"gs://exports/{name}"


def native(*keys: str | None) -> bytes:
    rows = [
        {
            "request": {"contents": [{"role": "user", "parts": [{"text": f"Say {number}."}]}]},
            **({"key": key} if key else {}),
        }
        for number, key in enumerate(keys)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_a_file_of_openais_lines_is_taken_from_where_it_is(service: Service) -> None:
    uri = put(service, "nightly/in.jsonl", chats(3))

    async def body(client: Any) -> str:
        assert client.files.retrieve(uri).bytes == len(chats(3))
        file = client.files.create(uri)
        assert file.filename == "in.jsonl"
        done = client.batches.wait(client.batches.create(file, CHAT))
        results = client.batches.results(done)
        assert [one.custom_id for one in results] == ["r-0", "r-1", "r-2"]
        return str(results.completeness)

    assert service.run(body, readable=[PLACE]) == "3 = 3 ok"
    writes = [one for one in service.emulator.requests if one.method in {"POST", "PUT", "DELETE"}]
    assert not [one for one in writes if "/exports/" in one.path]


def test_geminis_own_lines_are_taken_and_answered_in_its_own_words(service: Service) -> None:
    uri = put(service, "nightly/rows.jsonl", native("a", "b", None))

    async def body(client: Any) -> dict[str, Any]:
        file = client.files.create(f"{uri}#model=gemini-2.5-flash")
        done = client.batches.wait(client.batches.create(file, NATIVE))
        return {one.custom_id: one.response for one in client.batches.results(done)}

    found = service.run(body, readable=[PLACE])
    assert set(found) == {"a", "b", "line-3"}
    assert all(one["candidates"][0]["content"]["parts"] for one in found.values())


def test_lines_without_a_model_say_where_to_name_it(service: Service) -> None:
    uri = put(service, "nightly/rows.jsonl", native("a"))

    async def body(client: Any) -> None:
        with pytest.raises(InputError, match="#model=gemini"):
            client.files.create(uri)

    service.run(body, readable=[PLACE])


@pytest.mark.parametrize(
    "uri",
    [
        "gs://exports/nightly-secret/in.jsonl",
        "gs://exports/other.jsonl",
        "gs://elsewhere/nightly/in.jsonl",
        "gs://exports/nightly/../secret.jsonl",
        "gs://exports/",
    ],
)
def test_an_address_leads_nowhere_but_to_a_readable_place(service: Service, uri: str) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(InputError):
            client.files.create(uri)
        with pytest.raises(InputError):
            client.files.content(uri).read()

    service.run(body, readable=[PLACE])
    assert not service.emulator.requests.matching("GET", "/storage/**")


@pytest.mark.parametrize("prefix", ["batchyard", "some/folder"])
@pytest.mark.parametrize("folder", ["", "/files", "/data"])
def test_no_readable_place_opens_the_accounts_own_part_of_the_bucket(
    service: Service, prefix: str, folder: str
) -> None:
    place = f"gs://{service.settings()['bucket']}"

    async def body(client: Any) -> None:
        for name in ("files/file-1.json", "data/file-1/original.jsonl", "jobs/t/predictions.jsonl"):
            with pytest.raises(InputError, match="setting `readable`"):
                client.files.content(f"{place}/{prefix}/{name}").read()
        # beside it there is nothing of the account's
        with pytest.raises(NotFoundError):
            client.files.create(f"{place}/{prefix}-exports/in.jsonl")

    places = [f"{place}/{prefix}{folder}", f"{place}/{prefix}-exports", place]
    service.run(body, readable=places, prefix=prefix)


@pytest.mark.parametrize("odd", [{"custom_id": 7}, {"custom_id": ""}, {"key": ["a"]}])
def test_a_line_of_geminis_whose_id_is_no_text_is_refused_and_not_renamed(
    service: Service, odd: dict[str, Any]
) -> None:
    row = {"request": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}}
    lines = native("a") + json.dumps({**row, **odd}).encode() + b"\n"
    uri = put(service, "nightly/odd.jsonl", lines)

    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError) as caught:
            client.files.create(f"{uri}#model=gemini-2.5-flash")
        (problem,) = caught.value.problems
        assert (problem.line, problem.param) == (2, "custom_id")

    service.run(body, readable=[PLACE])


def test_without_a_readable_place_nothing_is_read(service: Service) -> None:
    uri = put(service, "nightly/in.jsonl", chats(1))

    async def body(client: Any) -> None:
        with pytest.raises(InputError, match="setting `readable`"):
            client.files.create(uri)

    service.run(body)


def test_an_object_that_is_too_large_is_refused_before_it_is_read(service: Service) -> None:
    uri = put(service, "nightly/large.jsonl", chats(9))

    async def body(client: Any) -> None:
        with pytest.raises(InputError, match="Split it") as caught:
            client.files.create(uri)
        assert caught.value.code == "file_too_large"

    service.run(body, readable=[PLACE], max_bytes=len(chats(9)) - 1)
    read = service.emulator.requests.matching("GET", "/storage/**")
    assert [one for one in read if "alt=media" in str(one)] == []
    service.run(lambda client: _created(client, uri), readable=[PLACE], max_bytes=len(chats(9)))


async def _created(client: Any, uri: str) -> None:
    assert client.files.create(uri).filename == "large.jsonl"


def test_what_is_wrong_with_an_object_is_said_like_of_any_file(service: Service) -> None:
    uri = put(service, "nightly/bad.jsonl", chats(2) + b"{not json\n")

    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError, match="line 3"):
            client.files.create(uri)
        with pytest.raises(NotFoundError):
            client.files.create(f"{PLACE}/not-there.jsonl")

    service.run(body, readable=[PLACE])


def test_a_ledger_takes_it_with_its_owner_and_its_cost(service: Service, tmp_path: Path) -> None:
    uri = put(service, "nightly/tracked.jsonl", chats(4, model="gemini-2.5-flash"))
    given = {"readable": [PLACE], "ledger": tmp_path / "ledger.db", "owner": "search"}

    async def body(client: Any) -> str:
        file = client.files.create(uri)
        assert file.id.startswith("file-")
        batch = client.batches.create(file, CHAT)
        done = client.batches.wait(batch)
        assert done.status == "completed"
        receipt = client.batches.cost(done)
        assert receipt.cost is not None
        assert receipt.cost > 0
        return str(file.id)

    made: str = service.run(body, **given)

    async def another(client: Any) -> None:
        with pytest.raises(NotFoundError):
            client.files.retrieve(made)

    service.run(another, **{**given, "owner": "others"})


def test_a_ledger_reads_it_with_the_account_that_is_named(service: Service, tmp_path: Path) -> None:
    """And not with the default one, which may be another's, or know of no such addresses."""
    uri = put(service, "nightly/named.jsonl", chats(2, model="gemini-2.5-flash"))
    settings = {**service.settings(), "readable": [PLACE]}
    settings["credentials"] = settings["credentials"].get_secret_value()
    lines = [f"{name} = {json.dumps(one)}" for name, one in settings.items() if name != "models"]
    config = tmp_path / "batchyard.toml"
    config.write_text(
        'default_account = "plain"\n'
        '[accounts.plain]\nprovider = "openai"\napi_key = "k"\nbase_url = "http://127.0.0.1:9"\n'
        '[accounts.exports]\nprovider = "vertex"\n' + "\n".join(lines) + "\n"
    )
    given: dict[str, Any] = {"config_file": config, "ledger": tmp_path / "ledger.db"}
    given |= {"clock": service.clock}
    transport = Transport(verify=False)
    with Client("exports", transport=transport, **given) as client:
        assert client.files.create(uri).filename == "named.jsonl"
    with Client(transport=transport, max_retries=0, **given) as client:
        assert client.account.name == "plain"
        assert client.files.create(uri, account="exports").filename == "named.jsonl"
        with pytest.raises(ConfigError, match="nobody"):
            client.files.create(uri, account="nobody")
        with pytest.raises(BatchyardError):
            client.files.create(uri)


@pytest.mark.parametrize("place", ["exports", "gs://", "gs://Not A Bucket", "gs://exports/../x"])
def test_a_readable_place_is_an_address(service: Service, place: str) -> None:
    with pytest.raises(Exception, match="readable"):
        service.client(readable=[place])
