"""Services that speak OpenAI's API, as data: keys, limits, prices, and what is their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard import Client
from batchyard.errors import ConfigError, IdempotencyError, InputError
from batchyard.models import Billing, Rates
from batchyard.prices import Asked, PriceOptions, PriceSources
from batchyard.registry import Registry
from batchyard.testing import Emulated
from batchyard_openai._hosts import hosts

HOSTS = ("groq", "perplexity", "together")
CHAT = "/v1/chat/completions"
KEYS = {"OPENAI_API_KEY": "sk-of-openai", "GROQ_API_KEY": "gsk-of-groq"}


def account(environ: dict[str, str], **settings: Any) -> Any:
    return Registry(environ).account("openai", settings)


def settings(environ: dict[str, str], **given: Any) -> Any:
    return Registry(environ).settings("openai", given)[1]


@pytest.fixture(params=HOSTS)
def place(request: pytest.FixtureRequest) -> Iterator[Emulated]:
    with Emulated(request.param) as place:
        yield place


def lines(place: Emulated, *ids: str) -> bytes:
    trial = place.emulator.trial
    assert trial is not None

    def line(name: str) -> dict[str, Any]:
        body = {"model": trial.model, **trial.body, **(trial.bad if "bad" in name else {})}
        return {"custom_id": name, "method": "POST", "url": CHAT, "body": body}

    return b"".join(json.dumps(line(one)).encode() + b"\n" for one in ids)


def test_a_host_answers_every_line_under_its_own_id(place: Emulated) -> None:
    client = place.client()
    ids = ("größe ✓", "bad-1", '"q"')
    batch = client.batches.create(client.files.create(lines(place, *ids)), CHAT)
    results = client.batches.results(client.batches.wait(batch))
    outcomes = {one.custom_id: str(one.outcome) for one in results}
    assert outcomes == {"größe ✓": "ok", "bad-1": "error", '"q"': "ok"}
    assert str(results.completeness) == "3 = 2 ok + 1 error"
    assert [one.id for one in client.batches.list()] == [batch.id]


def test_a_file_comes_back_as_it_was_put_in_whatever_the_host_keeps(place: Emulated) -> None:
    client = place.client()
    sent = lines(place, "a", "b")
    content = client.files.content(client.files.create(sent)).read()
    assert [json.loads(one) for one in content.splitlines()] == [
        json.loads(one) for one in sent.splitlines()
    ]


def test_no_hosts_account_sends_openais_key_to_it() -> None:
    made = settings(KEYS, host="groq")
    assert made.api_key.get_secret_value() == "gsk-of-groq"
    assert made.base == "https://api.groq.com/openai/v1"
    with pytest.raises(ConfigError, match="api_key"):
        settings({"OPENAI_API_KEY": "sk-of-openai", "OPENAI_ORG_ID": "org"}, host="together")
    own = {"base_url": "https://llm.example/v1", "key": "EXAMPLE_KEY"}
    with pytest.raises(ConfigError, match="api_key"):
        settings(KEYS, host=own)
    assert settings({**KEYS, "EXAMPLE_KEY": "e"}, host=own).api_key.get_secret_value() == "e"


def test_without_a_host_everything_is_as_at_openai() -> None:
    made = settings({**KEYS, "OPENAI_ORG_ID": "org", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"})
    assert made.api_key.get_secret_value() == "sk-of-openai"
    assert (made.base, made.organization) == ("http://127.0.0.1:1/v1", "org")


@pytest.mark.parametrize(
    ("host", "url", "base"),
    [
        # as the SDKs of these services read their variables: some add the version, and some do not
        ("groq", "https://proxy.example", "https://proxy.example/openai/v1"),
        ("groq", "https://proxy.example/openai/v1/", "https://proxy.example/openai/v1"),
        ("perplexity", "https://proxy.example/", "https://proxy.example/v1"),
        ("perplexity", "https://proxy.example/v1", "https://proxy.example/v1"),
        ("together", "https://proxy.example/v1", "https://proxy.example/v1"),
        ("together", "https://proxy.example", "https://proxy.example"),
    ],
)
def test_the_base_url_of_the_services_own_sdk_is_understood(host: str, url: str, base: str) -> None:
    name = host.upper()
    made = settings({f"{name}_API_KEY": "k", f"{name}_BASE_URL": url}, host=host)
    assert made.base == base
    # what a setting says is taken at its word
    assert settings({f"{name}_API_KEY": "k"}, host=host, base_url=url).base == url.rstrip("/")


def test_an_emulators_variables_are_those_of_the_services_own_sdk(place: Emulated) -> None:
    own = {name: one for name, one in place.environment.items() if name.endswith("_BASE_URL")}
    roots = {"GROQ_BASE_URL": "", "PERPLEXITY_BASE_URL": "", "TOGETHER_BASE_URL": "/v1"}
    assert own == {name: place.url + roots[name] for name in own} != {}


def test_a_variable_chooses_the_host_and_a_setting_stands_above_it() -> None:
    environ = {**KEYS, "OPENAI_HOST": "groq"}
    assert settings(environ).api_key.get_secret_value() == "gsk-of-groq"
    assert settings(environ, host="openai").api_key.get_secret_value() == "sk-of-openai"
    with pytest.raises(ConfigError, match="OPENAI_HOST: there is no host 'grok'"):
        settings({**KEYS, "OPENAI_HOST": "grok"})


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("grok", "there is no host 'grok'; known are groq, openai, perplexity, together"),
        ("xai", "xAI has a protocol of its own: a batch has no status"),
        ("mistral", "plugins new mistral --kind provider"),
        ({"key": "K"}, "base_url"),
        ({"base_url": "ftp://x"}, "begins with https://"),
        ({"base_url": "https://x/v1", "linse": 1}, "linse"),
    ],
)
def test_a_host_that_is_none_is_an_error_that_says_what_to_do(host: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings({}, host=host, api_key="k")


@pytest.mark.parametrize("name", ["region", "organization", "project"])
def test_what_openai_alone_has_is_refused_at_a_host(name: str) -> None:
    with pytest.raises(ConfigError, match=f"Groq has no {name}"):
        settings({}, host="groq", api_key="k", **{name: "eu"})


def test_limits_are_the_hosts_and_settings_stand_above_them() -> None:
    groq = account(KEYS, host="groq").limits()
    assert (groq.max_lines, groq.max_bytes) == (50_000, 100_000_000)
    assert groq.completion_windows == ("24h", "7d")
    own = account(KEYS, host="groq", max_bytes=200_000_000, max_lines=None).limits()
    assert (own.max_lines, own.max_bytes) == (None, 200_000_000)
    assert account(KEYS).limits().max_bytes == 200_000_000


def test_a_host_is_added_in_the_configuration(tmp_path: Path) -> None:
    # the only key that is taken is that of its own variable
    with Emulated("together", keys=("ours-0123456789",)) as place:
        file = tmp_path / "batchyard.toml"
        file.write_text(
            f"""
            [accounts.ours]
            provider = "openai"

            [accounts.ours.host]
            title = "Ours"
            like = "together"
            base_url = "{place.url}/v1"
            key = "OURS_KEY"
            max_lines = 2
            """
        )
        registry = Registry({"OURS_KEY": "ours-0123456789", **KEYS})
        with Client("ours", config_file=file, registry=registry, clock=place.clock) as client:
            assert client.account.limits().max_lines == 2
            batch = client.batches.create(client.files.create(lines(place, "a")), CHAT)
            results = client.batches.results(client.batches.wait(batch))
            assert [one.outcome for one in results] == ["ok"]


def test_a_hosts_models_have_no_price_of_openais() -> None:
    sources = PriceSources.load(Registry({}))

    def rates(**settings: Any) -> Rates | None:
        billing = account(KEYS, **settings).billing("gpt-4.1-mini", None)
        return sources.rates(Asked(billing, None, "openai", "a", 20_000)).rates

    assert rates() is not None
    assert rates(host="groq") is None
    assert rates(host={"base_url": "https://llm.example/v1", "key": "OPENAI_API_KEY"}) is None


def test_a_batch_of_a_hosts_listed_model_costs_what_its_discount_leaves(tmp_path: Path) -> None:
    listed = tmp_path / "prices.json"
    entry = {
        "litellm_provider": "groq",
        "mode": "chat",
        "input_cost_per_token": 1e-07,
        "output_cost_per_token": 4e-07,
        "cache_read_input_token_cost": 5e-08,
    }
    together = {**entry, "litellm_provider": "together_ai"}
    listed.write_text(json.dumps({"groq/m": entry, "together_ai/m": together}))
    sources = PriceSources.load(Registry({}), PriceOptions(litellm_file=listed))

    def found(host: str) -> Rates | None:
        billing = account({}, host=host, api_key="k").billing("m", None)
        return sources.rates(Asked(billing, None, "openai", "a", 20_000)).rates

    groq = found("groq")
    assert groq is not None
    assert (groq.input, groq.output) == (Decimal("0.05"), Decimal("0.20"))
    assert groq.basis == "derived"
    # nobody says whether the cache's discount and the batch's multiply
    assert groq.cached_input is None
    # Together halves the price of some models, and says nothing of the others
    assert found("together") is None


def test_openai_is_billed_as_before() -> None:
    assert account(KEYS).billing("m", "n") == Billing("m")
    assert account(KEYS, base_url="http://127.0.0.1:9/v1").billing(None, "n") == Billing("n")


def test_what_together_cannot_keep_is_said_and_a_ledger_keeps_it(tmp_path: Path) -> None:
    with Emulated("together") as place:
        client = place.client()
        file = client.files.create(lines(place, "a"))
        with pytest.raises(InputError, match="no metadata"):
            client.batches.create(file, CHAT, metadata={"team": "search"})
        with pytest.raises(IdempotencyError, match="no room"):
            client.batches.create(file, CHAT, idempotency_key="k")
        with pytest.raises(InputError, match="64 in a custom_id"):
            client.files.create(lines(place, "x" * 65))
        with pytest.raises(InputError, match="when a file expires"):
            client.files.create(lines(place, "a"), expires_after={"seconds": 3600})
        tracked = place.client(ledger=tmp_path / "ledger.db")
        made = tracked.batches.create(
            tracked.files.create(lines(place, "a")), CHAT, metadata={"team": "search"}
        )
        assert tracked.batches.wait(made).metadata == {"team": "search"}


def test_perplexity_makes_one_batch_of_one_key() -> None:
    with Emulated("perplexity") as place:
        place.faults.add("POST /v1/batches lost")
        client = place.client()
        file = client.files.create(lines(place, "a"))
        made = client.batches.create(file, CHAT, idempotency_key="k")
        keys = {
            one.headers.get("idempotency-key")
            for one in place.requests.matching("POST", "/v1/batches")
        }
        assert len(keys) == 1
        assert None not in keys
        assert [one.id for one in client.batches.list()] == [made.id]


def test_the_page_about_hosts_has_what_the_data_has() -> None:
    page = Path(__file__, "../../../docs/hosts.md").resolve().read_text(encoding="utf-8")
    rows = [one for one in page.splitlines() if one.startswith("| `")]
    for name, host in hosts().items():
        if host.protocol is not None:
            assert f"{host.title}: {host.protocol}" in " ".join(page.split()), name
            continue
        sizes = [
            f"{host.max_lines:,}" if host.max_lines else "",
            f"{host.max_bytes // 1_000_000:,} MB" if host.max_bytes else "",
            f"{host.discount:.0%}" if host.discount else "",
        ]
        cells = [f"`{name}`", host.title, f"`{host.base_url}`", f"`{host.key}`", *sizes]
        row = "| " + " | ".join(cells) + " |"
        assert row.replace("  ", " ") in [one.replace("  ", " ") for one in rows], row
