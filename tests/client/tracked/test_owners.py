"""Whose a batch is, and at which account it runs."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.errors import IdempotencyError, InputError, NotFoundError
from batchyard.models import Identity
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.conftest import KEY, settled
from tests.client.requests import chat_lines
from tests.client.tracked.conftest import CHAT, Tracked, begun, ended, rows


def test_an_owner_sees_what_is_theirs_and_who_is_nobody_sees_all(tracked: Tracked) -> None:
    made: dict[str, Any] = {}

    async def own(client: Any) -> None:
        made["a"] = await ended(client, idempotency_key="night")

    async def other(client: Any) -> None:
        batch = made["a"]
        for file_id in (batch.input_file_id, batch.output_file_id):
            for call in (client.files.retrieve, client.files.delete):
                with pytest.raises(NotFoundError):
                    await settled(call(file_id))
            with pytest.raises(NotFoundError):
                await settled(client.files.content(file_id).read())
        for name in ("retrieve", "cancel", "wait", "cost"):
            with pytest.raises(NotFoundError):
                await settled(getattr(client.batches, name)(batch.id))
        with pytest.raises(NotFoundError):
            await settled(client.batches.results(batch))
        with pytest.raises(NotFoundError):
            await settled(client.batches.create(batch.input_file_id, CHAT))
        assert await settled(client.batches.find("night")) is None
        assert await settled(client.files.list()) == await settled(client.batches.list()) == []
        with pytest.raises(InputError):
            await settled(client.batches.list(after=batch.id))
        # the same key is another owner's own
        made["b"] = await begun(client, chat_lines(1), idempotency_key="night")

    async def everybody(client: Any) -> None:
        listed = await settled(client.batches.list())
        assert {one.id for one in listed} == {made["a"].id, made["b"].id}
        assert (await settled(client.batches.wait(made["b"].id))).status == "completed"
        receipt = await settled(client.batches.cost(made["a"]))
        assert receipt.identity.owner == "a"
        _, proof = await rows(client, made["b"])
        assert proof.complete

    tracked.run(own, owner="a")
    tracked.run(other, owner="b")
    tracked.run(everybody)


def test_owner_team_and_tags_are_on_the_receipt_as_they_were_at_the_create(
    tracked: Tracked,
) -> None:
    made: list[Any] = []

    async def create(client: Any) -> None:
        made.append(await begun(client))

    async def finish(client: Any) -> None:
        await settled(client.batches.wait(made[0]))
        receipt = await settled(client.batches.cost(made[0]))
        assert receipt.identity == Identity("a", "search", ("nightly", "eu"))

    tracked.run(create, owner="a", team="search", tags=["nightly", "eu"])
    tracked.run(finish, owner="a", team="other", tags=["x"])


def test_an_account_of_arguments_is_taken_up_by_who_has_one_of_that_name(
    tracked: Tracked, tmp_path: Path
) -> None:
    """The key is in no ledger: another process needs an account that is called so."""
    config = tmp_path / "batchyard.toml"
    config.write_text(
        f'[accounts.mine]\nprovider = "openai"\napi_key = "{KEY}"\n'
        f'base_url = "{tracked.url}/v1"\n\n'
        '[accounts.mine.prices."gpt-4.1-mini"]\ninput = 1000\noutput = 1000\n',
        encoding="utf-8",
    )
    made: list[Any] = []

    async def create(client: Any) -> None:
        made.append(await begun(client))

    async def finish(client: Any) -> None:
        done = await settled(client.batches.wait(made[0]))
        assert done.status == "completed"
        receipt = await settled(client.batches.cost(done))
        (item,) = receipt.items
        assert item.account == "mine"
        assert receipt.cost == Decimal(receipt.usage.total_tokens) / 1000

    tracked.run(create, account="mine")
    stored = b"".join(one.read_bytes() for one in tracked.ledger.parent.glob("*.db*"))
    assert KEY.encode() not in stored

    async def main() -> None:
        kind = Client if tracked.colour == "sync" else AsyncClient
        client = kind("mine", config_file=config, ledger=tracked.ledger, clock=tracked.clock)
        try:
            await finish(client)
        finally:
            await settled(client.close())

    asyncio.run(main())


def test_two_accounts_of_one_ledger_each_run_their_own(blocking: Tracked, clock: Any) -> None:
    made: dict[str, Any] = {}
    other = OpenAIEmulator(clock=clock)
    with other.serve() as server:

        async def here(client: Any) -> None:
            made["here"] = await begun(client)

        async def there(client: Any) -> None:
            made["there"] = await begun(client, chat_lines(2))
            done = await settled(client.batches.wait(made["there"]))
            assert done.request_counts.completed == 2
            # the other account is not this client's to use
            assert (await settled(client.batches.retrieve(made["here"]))).status == "validating"

        blocking.run(here, account="here")
        blocking.run(there, account="there", base_url=f"{server.url}/v1")
        assert len(other.requests.matching("POST", "/v1/batches")) == 1
    assert blocking.created() == 0


def test_results_are_read_also_where_the_account_is_not(
    blocking: Tracked, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[Any] = []

    async def there(client: Any) -> None:
        made.append(await ended(client))

    async def here(client: Any) -> None:
        items, proof = await rows(client, made[0])
        assert all(item.ok and item.text for item in items)
        assert not any(item.usage.known for item in items)
        assert proof.usage.total_tokens > 0, "the settlement knows"
        assert "'there'" in caplog.text

    blocking.run(there, account="there")
    blocking.run(here, account="here")


def test_a_key_is_one_owners_for_one_thing(blocking: Tracked) -> None:
    async def body(client: Any) -> None:
        await begun(client, idempotency_key="k")
        with pytest.raises(IdempotencyError):
            await begun(client, idempotency_key="k", metadata={"a": "b"})

    blocking.run(body, owner="a")
