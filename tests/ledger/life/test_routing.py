"""Which account takes a batch, and what becomes of one whose models are called otherwise there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from batchyard.config import ModelSettings
from batchyard.errors import IdempotencyError, InputError
from batchyard.hookspecs import Verdict, hookimpl
from batchyard.ledger import BatchOrder, FileOrder, Ledger, Setup
from batchyard.ledger.routing import Hint
from batchyard.models import Batch
from batchyard.steps import BytesSource
from tests.client.requests import chat_lines
from tests.ledger.life.mortal import Doom, Killed, MortalDriver, bury, doomed
from tests.ledger.life.place import (
    CHAT,
    SQLITE,
    Place,
    content,
    created,
    follow,
    job_of,
    made_at,
    settled,
)

pytestmark = [pytest.mark.anyio, SQLITE]

DEPLOYMENTS = {"my-deployment": "gpt-4.1-mini"}


def model(name: str, *accounts: Mapping[str, Any]) -> ModelSettings:
    return ModelSettings.model_validate({"name": name, "accounts": accounts})


CHEAP = model("cheap", {"account": "azure", "model": "my-deployment"})


def two(place: Place, *models: ModelSettings, **azure: Any) -> Setup:
    """An account of each of two providers; the first is the default one."""
    place.emulate("azure", deployments=DEPLOYMENTS)
    accounts = [place.served(), place.served("azure", **azure)]
    return place.setup(accounts=accounts, default_account="openai", models=models)


def sent_to(emulator: Any) -> list[bytes]:
    """The input files of the emulator's batches, oldest first."""
    now = emulator.clock.now()
    return [
        emulator._shelf.get(one.order.input_file_id, now).blob.path.read_bytes()
        for one in made_at(emulator)
    ]


async def staged(ledger: Ledger, lines: bytes, **hints: list[str]) -> str:
    order = FileOrder("in.jsonl", hints=hints or None)
    return (await ledger.create_file(BytesSource(lines), order)).id


async def account_of(ledger: Ledger, batch: Batch) -> str:
    return (await ledger.batch(batch.id)).account


async def test_an_alias_is_renamed_on_its_way_and_settled_as_the_deployment_is_billed(
    place: Place,
) -> None:
    base = {"my-deployment": {"name": "my-deployment", "base_model": "gpt-4.1-mini"}}
    async with place.open(two(place, CHEAP, deployments=base)) as ledger:
        lines = chat_lines(4, model="cheap")
        batch = await created(ledger, lines)
        done = await settled(ledger, batch.id)
        assert (done.status, done.model) == ("completed", "cheap")
        # what was uploaded stays as it came
        assert await content(ledger, done.input_file_id) == lines
        (sent,) = sent_to(place.emulate("azure"))
        assert sent == lines.replace(b'"cheap"', b'"my-deployment"')
        rows = [
            json.loads(row) for row in (await content(ledger, done.output_file_id)).splitlines()
        ]
        named = {row["response"]["body"]["model"] for row in rows}
        receipt = await ledger.receipt(batch.id)
        (item,) = receipt.items
        # the receipt names what the results name, at the price of the base model
        assert {item.model} == named == {"gpt-4.1-mini-2025-04-14"}
        assert (receipt.state, item.rates and item.rates.input) == ("priced", Decimal("0.2"))
        assert receipt.proof.complete
        assert receipt.cost is not None
        # in millionths of a dollar: 0.2 for an input token, 0.8 for an output token
        tokens = item.usage.input_tokens * 2 + item.usage.output_tokens * 8
        assert receipt.cost == Decimal(tokens) / 10_000_000
        assert await ledger.reprice(batch.id) is None


async def test_a_model_that_results_do_not_name_is_priced_by_the_accounts_name(
    place: Place,
) -> None:
    house = model("cheap", {"account": "openai", "model": "gpt-4.1-mini"})
    prices = {"gpt-4.1-mini": {"input": 2, "output": 4}}
    setup = place.setup(accounts=[place.served(prices=prices)], models=[house])
    async with place.open(setup) as ledger:
        batch = await created(ledger, chat_lines(2, model="cheap"))
        await settled(ledger, batch.id)
        (item,) = (await ledger.receipt(batch.id)).items
        assert item.rates is not None
        assert item.rates.source == "account"


async def test_weights_are_shares_and_a_key_chooses_alike(place: Place) -> None:
    anywhere = model(
        "gpt-4.1-mini",
        {"account": "openai", "weight": 3},
        {"account": "azure", "model": "my-deployment"},
    )
    async with place.open(two(place, anywhere)) as ledger:
        file_id = await staged(ledger, chat_lines(1))
        file = await ledger.file(file_id)
        routing = ledger.parts.routing

        def chosen(seed: str) -> str:
            route = routing.route((), file, lambda *_: None, endpoint=CHAT, seed=seed)
            assert dict(route.renames) == (
                {"gpt-4.1-mini": "my-deployment"} if route.served.account.name == "azure" else {}
            )
            return route.served.account.name

        counts = Counter(chosen(f"seed {number}") for number in range(400))
        assert 270 < counts["openai"] < 330
        assert {chosen("one") for _ in range(5)} == {chosen("one")}

        order = BatchOrder(file_id, CHAT, idempotency_key="k")
        first = await ledger.create_batch(order)
        assert (await ledger.create_batch(order)).id == first.id
        assert await account_of(ledger, first) == chosen("\0k")


async def test_a_replay_finds_its_batch_when_the_choice_would_be_another(place: Place) -> None:
    setup = two(place, model("gpt-4.1-mini", {"account": "openai"}))
    async with place.open(setup) as ledger:
        file_id = await staged(ledger, chat_lines(1))
        order = BatchOrder(file_id, CHAT, idempotency_key="k")
        first = await ledger.create_batch(order)
    moved = model("gpt-4.1-mini", {"account": "azure", "model": "my-deployment"})
    async with place.open(two(place, moved)) as ledger:
        assert (await ledger.create_batch(order)).id == first.id
        other = BatchOrder(
            file_id, CHAT, idempotency_key="k", hints=[Hint("provider", ("azure",), "here")]
        )
        with pytest.raises(IdempotencyError):
            await ledger.create_batch(other)


async def test_only_accounts_that_a_batch_fits_are_chosen_and_else_each_says_why(
    place: Place,
) -> None:
    anywhere = model(
        "gpt-4.1-mini",
        {"account": "openai", "weight": 1},
        {"account": "azure", "model": "my-deployment", "weight": 1000},
    )
    setup = two(place, anywhere, max_lines=2)
    async with place.open(setup) as ledger:
        assert await account_of(ledger, await created(ledger, 3)) == "openai"
        with pytest.raises(InputError) as refused:
            await created(ledger, chat_lines(3), completion_window="7d")
        assert refused.value.code is None
        small = two(place, anywhere, max_lines=2)
    tight = place.setup(
        accounts=[place.served(max_lines=1), *small.accounts[1:]],
        default_account="openai",
        models=[anywhere],
    )
    async with place.open(tight) as ledger:
        with pytest.raises(InputError) as refused:
            await created(ledger, 3)
        assert "azure: " in str(refused.value)
        assert "a batch takes 2" in str(refused.value)
        assert "openai: " in str(refused.value)
        assert "a batch takes 1;" in str(refused.value)
        assert refused.value.code == "too_many_tasks"


async def test_limits_are_held_against_what_is_sent(place: Place) -> None:
    lines = chat_lines(3, model="cheap")
    grown = len(lines) + 3 * (len("my-deployment") - len("cheap"))
    async with place.open(two(place, CHEAP, max_bytes=grown)) as ledger:
        await settled(ledger, (await created(ledger, lines)).id)
        (sent,) = sent_to(place.emulate("azure"))
        assert len(sent) == grown
    async with place.open(two(place, CHEAP, max_bytes=grown - 1)) as ledger:
        with pytest.raises(InputError, match=f"has {grown:,} bytes"):
            await created(ledger, lines)


async def test_two_aliases_of_one_deployment_are_one_model(place: Place) -> None:
    other = model("other", {"account": "azure", "model": "my-deployment"})
    async with place.open(two(place, CHEAP, other)) as ledger:
        lines = chat_lines(1, model="cheap") + chat_lines(1, prefix="o", model="other")
        done = await settled(ledger, (await created(ledger, lines)).id)
        assert done.status == "completed"
        assert b'"cheap"' not in sent_to(place.emulate("azure"))[0]


async def test_what_gates_leave_is_what_is_renamed(place: Place) -> None:
    class Renaming:
        @hookimpl
        def check_lines(self, lines: Any) -> list[Verdict]:
            return [
                Verdict.refuse("no", "No.")
                if line.custom_id == "r-0"
                else Verdict.rewrite(line.data.replace(b'"gpt-4.1-mini"', b'"cheap"'))
                for line in lines
            ]

    setup = two(place, CHEAP)
    async with place.open(
        place.setup(
            accounts=setup.accounts,
            default_account="openai",
            models=[CHEAP],
            gates=[("g", Renaming())],
        )
    ) as ledger:
        batch = await created(ledger, 3)
        await settled(ledger, batch.id)
        receipt = await ledger.receipt(batch.id)
        assert receipt.proof.outcomes == {"ok": 2, "refused": 1}
        (sent,) = sent_to(place.emulate("azure"))
        assert sent.count(b'"my-deployment"') == 2


@pytest.mark.parametrize("at", [1, 3, 5, 7])
async def test_a_send_after_a_death_has_the_same_bytes(place: Place, at: int) -> None:
    emulator = place.emulate("azure", deployments=DEPLOYMENTS)
    lines = chat_lines(3, model="cheap")
    setup = place.setup(
        accounts=[place.served("azure", driver=MortalDriver)],
        default_account="azure",
        models=[CHEAP],
    )
    async with place.open(setup) as ledger:
        batch = await created(ledger, lines)
        doom = Doom(at)
        doomed(ledger, doom)
        try:
            await follow(ledger)
        except Killed:
            await bury(doom)
    # whoever goes on need not know the models: the job does
    later = place.setup(accounts=[place.served("azure")], default_account="azure")
    place.clock.advance(600)
    async with place.open(later) as ledger:
        done = await settled(ledger, batch.id)
        assert done.status == "completed"
        assert (await job_of(ledger, batch.id)).renames == {"cheap": "my-deployment"}
        assert set(sent_to(emulator)) == {lines.replace(b'"cheap"', b'"my-deployment"')}
        assert (await ledger.receipt(batch.id)).proof.complete


async def test_hints_of_the_file_count_where_the_create_has_none(place: Place) -> None:
    async with place.open(two(place)) as ledger:
        file_id = await staged(ledger, chat_lines(1), provider=["azure"])
        assert (
            await account_of(ledger, await ledger.create_batch(BatchOrder(file_id, CHAT)))
            == "azure"
        )
        own = BatchOrder(file_id, CHAT, account="openai")
        assert await account_of(ledger, await ledger.create_batch(own)) == "openai"


async def test_of_several_accounts_of_a_provider_the_default_one_or_a_list(place: Place) -> None:
    accounts = [place.served(name=name) for name in ("eu", "us")]
    hint = [Hint("provider", ("openai",), "custom_llm_provider in the body")]

    async def chosen(default: str | None, **given: Any) -> str:
        setup = place.setup(accounts=accounts, default_account=default)
        async with place.open(setup) as ledger:
            file_id = await staged(ledger, chat_lines(1))
            order = BatchOrder(file_id, CHAT, hints=hint)
            return await account_of(ledger, await ledger.create_batch(order, **given))

    assert await chosen("us") == "us"
    assert await chosen("us", accounts=["eu"]) == "eu"
    by_name = Hint("provider", ("eu",), "custom_llm_provider in the body")
    setup = place.setup(accounts=accounts, default_account="us")
    async with place.open(setup) as ledger:
        order = BatchOrder(await staged(ledger, chat_lines(1)), CHAT, hints=[by_name])
        assert await account_of(ledger, await ledger.create_batch(order)) == "eu"
    with pytest.raises(InputError, match=r"eu, us\. Name one as `account`") as unclear:
        await chosen(None)
    assert unclear.value.code == "ambiguous_account"


async def test_accounts_that_a_caller_may_not_use_are_as_if_they_were_not_there(
    place: Place,
) -> None:
    async with place.open(two(place, CHEAP)) as ledger:
        file_id = await staged(ledger, chat_lines(1, model="cheap"))
        with pytest.raises(InputError, match="yours: openai") as refused:
            await ledger.create_batch(BatchOrder(file_id, CHAT), accounts=["openai"])
        assert refused.value.code == "account_not_allowed"
        order = BatchOrder(file_id, CHAT, account="azure")
        with pytest.raises(InputError, match="There is no account 'azure'"):
            await ledger.create_batch(order, accounts=["openai"])
        plain = await staged(ledger, chat_lines(1))
        made = await ledger.create_batch(BatchOrder(plain, CHAT), accounts=["azure"])
        assert await account_of(ledger, made) == "azure"


async def test_errors_name_nothing_that_a_caller_may_not_use(place: Place) -> None:
    secret = model("secret-project", {"account": "azure", "model": "my-deployment"})
    async with place.open(two(place, CHEAP, secret)) as ledger:
        file_id = await staged(ledger, chat_lines(1, model="cheap"))
        plain = await staged(ledger, chat_lines(1))
        orders = (
            BatchOrder(file_id, CHAT),
            BatchOrder(file_id, CHAT, hints=[Hint("model", ("cheap",), "model in the body")]),
            BatchOrder(plain, CHAT, hints=[Hint("model", ("other",), "model in the body")]),
            BatchOrder(plain, CHAT, hints=[Hint("provider", ("azure",), "the path")]),
            BatchOrder(plain, CHAT, hints=[Hint("provider", ("other",), "the path")]),
            BatchOrder(plain, CHAT, account="azure"),
        )
        for order in orders:
            with pytest.raises(InputError) as refused:
                await ledger.create_batch(order, accounts=["openai"], models=["cheap"])
            said = refused.value.message.partition("; yours")[0]
            for asked in ("'azure'", "account of azure"):
                said = said.replace(asked, "")
            assert "azure" not in said, said
            assert "secret-project" not in said
        with pytest.raises(InputError, match="configured: cheap\\."):
            await ledger.create_batch(orders[2], models=["cheap"])
