"""Where a batch runs: what requests say of it, and what comes of that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from batchyard.config import ModelSettings
from batchyard.ledger import Ledger
from tests.gateway.site import CHAT, Site, gateway, lines
from tests.ledger.life.place import job_of

MODELS = [
    ModelSettings.model_validate(one)
    for one in (
        {"name": "cheap", "accounts": [{"account": "azure", "model": "my-deployment"}]},
        {
            "name": "anywhere",
            "accounts": [
                {"account": "azure", "model": "my-deployment"},
                {"account": "openai", "model": "gpt-4.1-mini"},
            ],
        },
    )
]


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("routing")
    url = folder / "ledger.db"
    shutil.copy(sqlite_template, url)
    options = {"azure": {"deployments": {"my-deployment": "gpt-4.1-mini"}}}
    with gateway(
        folder, str(url), emulators=("openai", "azure"), options=options, models=MODELS
    ) as made:
        yield made


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[openai.OpenAI]:
    with site.openai() as made:
        yield made


def uploaded(client: openai.OpenAI, model: str = "gpt-4.1-mini", **options: Any) -> str:
    content = lines(2, model=model)
    return client.files.create(file=("in.jsonl", content), purpose="batch", **options).id


def created(client: openai.OpenAI, file_id: str, **options: Any) -> str:
    made = client.batches.create(
        input_file_id=file_id, endpoint=CHAT, completion_window="24h", **options
    )
    return made.id


def place_of(site: Site, batch_id: str) -> tuple[str, dict[str, str] | None]:
    async def look(ledger: Ledger) -> tuple[str, dict[str, str] | None]:
        job = await job_of(ledger, batch_id)
        return job.account, job.renames

    return site.run(look)


def refusal(refused: pytest.ExceptionInfo[openai.APIStatusError]) -> tuple[str | None, str]:
    body: Any = refused.value.body
    return body["code"], body["message"]


def test_without_a_word_the_lines_or_the_default_account_decide(
    site: Site, client: openai.OpenAI
) -> None:
    assert place_of(site, created(client, uploaded(client))) == ("openai", None)
    renames = {"cheap": "my-deployment"}
    assert place_of(site, created(client, uploaded(client, "cheap"))) == ("azure", renames)


@pytest.mark.parametrize(
    "said",
    [
        {"extra_body": {"custom_llm_provider": "azure"}},
        {"extra_query": {"custom_llm_provider": "azure"}},
        {"extra_headers": {"custom-llm-provider": "azure"}},
        {"extra_body": {"model": "cheap"}},
        {"extra_query": {"model": "cheap"}},
        {"extra_headers": {"x-litellm-model": "cheap"}},
        {"extra_body": {"account": "azure"}},
    ],
    ids=json.dumps,
)
def test_a_request_may_say_it_at_the_create_or_at_the_upload(
    site: Site, client: openai.OpenAI, said: dict[str, Any]
) -> None:
    assert place_of(site, created(client, uploaded(client), **said))[0] == "azure"
    assert place_of(site, created(client, uploaded(client, **said)))[0] == "azure"


def test_the_path_says_it_too(site: Site, client: openai.OpenAI) -> None:
    behind = client.with_options(base_url=f"{site.url}/azure/v1")
    file = behind.files.create(file=("in.jsonl", lines(1)), purpose="batch")
    batch = behind.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    assert place_of(site, batch.id)[0] == "azure"


def test_target_model_names_are_taken_at_the_upload(site: Site, client: openai.OpenAI) -> None:
    file_id = uploaded(client, "cheap", extra_body={"target_model_names": "cheap, anywhere"})
    assert place_of(site, created(client, file_id))[0] == "azure"


def test_what_a_create_says_stands_above_what_the_upload_said(
    site: Site, client: openai.OpenAI
) -> None:
    file_id = uploaded(client, extra_body={"custom_llm_provider": "azure"})
    batch_id = created(client, file_id, extra_body={"custom_llm_provider": "openai"})
    assert place_of(site, batch_id)[0] == "openai"


def test_hints_that_contradict_each_other_are_all_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        created(
            client,
            uploaded(client),
            extra_body={"custom_llm_provider": "azure"},
            extra_headers={"custom-llm-provider": "openai"},
        )
    code, message = refusal(refused)
    assert code == "conflicting_hints"
    assert "custom_llm_provider in the body: 'azure'" in message
    assert "the header custom-llm-provider: 'openai'" in message

    with pytest.raises(openai.BadRequestError) as refused:
        created(
            client, uploaded(client), extra_body={"custom_llm_provider": "openai", "model": "cheap"}
        )
    code, message = refusal(refused)
    assert code == "conflicting_hints"
    assert "'openai'" in message
    assert "model in the body: 'cheap' (azure)" in message


def test_a_provider_against_the_lines_model_is_refused_at_the_upload(client: openai.OpenAI) -> None:
    before = len(client.files.list().data)
    with pytest.raises(openai.BadRequestError) as refused:
        uploaded(client, "cheap", extra_body={"custom_llm_provider": "openai"})
    assert "the lines' model: 'cheap' (azure)" in refusal(refused)[1]
    assert len(client.files.list().data) == before


@pytest.mark.parametrize(
    ("said", "code", "names"),
    [
        (
            {"custom_llm_provider": "opnai"},
            "invalid_provider",
            "azure, gemini, openai, vertex, vertex_ai",
        ),
        ({"custom_llm_provider": "vertex_ai"}, "invalid_provider", "accounts of: azure, openai"),
        ({"account": "elsewhere"}, "invalid_account", "accounts: openai, azure"),
        ({"model": "nowhere"}, "model_not_found", "configured: cheap, anywhere"),
        ({"litellm_metadata": {"tags": ["x"]}}, "unknown_parameter", "litellm_metadata"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(
    client: openai.OpenAI, said: dict[str, Any], code: str, names: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        created(client, uploaded(client), extra_body=said)
    found, message = refusal(refused)
    assert (found, names in message) == (code, True), message


def test_a_query_that_means_nothing_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        created(client, uploaded(client), extra_query={"modle": "cheap"})
    assert refusal(refused)[0] == "unknown_parameter"


def test_a_replay_finds_its_batch_and_other_hints_are_another_order(client: openai.OpenAI) -> None:
    file_id = uploaded(client, "anywhere")
    key = {"Idempotency-Key": "routing-1"}
    first = created(client, file_id, extra_headers=key)
    assert created(client, file_id, extra_headers=key) == first
    with pytest.raises(openai.ConflictError):
        created(client, file_id, extra_headers=key, extra_body={"custom_llm_provider": "azure"})


def test_another_providers_batch_is_not_there(site: Site, client: openai.OpenAI) -> None:
    ours = created(client, uploaded(client, "cheap"))
    theirs = created(client, uploaded(client))
    with site.http() as plain:
        found = plain.get(f"/azure/v1/batches/{ours}")
        assert (found.status_code, found.json()["id"]) == (200, ours)
        assert plain.get("/vertex_ai/v1/batches").json()["data"] == []
        missing = plain.get(f"/azure/v1/batches/{theirs}")
        absent = plain.get("/azure/v1/batches/batch_none")
        assert missing.status_code == absent.status_code == 404
        assert same_but_for(missing, theirs) == same_but_for(absent, "batch_none")
        assert plain.post(f"/openai/v1/batches/{ours}/cancel").status_code == 404
        for path in ("/azure/v1/batches", "/v1/batches?custom_llm_provider=azure"):
            listed = [one["id"] for one in plain.get(path).json()["data"]]
            assert ours in listed
            assert theirs not in listed
        unknown = plain.get("/nobody/v1/batches").json()["error"]
        assert unknown["code"] == "unknown_provider"
        assert "azure, gemini, openai, vertex, vertex_ai" in unknown["message"]


def same_but_for(reply: httpx.Response, name: str) -> str:
    return reply.text.replace(name, "ID")


def test_a_renamed_batch_runs_to_its_end_and_shows_what_was_asked_for(
    site: Site, client: openai.OpenAI
) -> None:
    batch_id = created(client, uploaded(client, "cheap"))
    site.follow()
    done = client.batches.retrieve(batch_id)
    assert (done.status, done.model) == ("completed", "cheap")
    assert done.output_file_id is not None
    rows = [json.loads(row) for row in client.files.content(done.output_file_id).iter_lines()]
    assert [row["custom_id"] for row in rows] == ["r-0", "r-1"]
    assert {row["response"]["status_code"] for row in rows} == {200}


def test_models_are_listed_with_their_accounts_limits_and_rates(client: openai.OpenAI) -> None:
    listed = {one.id: one for one in client.models.list()}
    cheap: Any = listed["cheap"]
    (offer,) = cheap.accounts
    assert (offer["account"], offer["model"], offer["configured"]) == (
        "azure",
        "my-deployment",
        True,
    )
    assert offer["limits"]["max_lines"] == 100_000
    assert offer["rates"] is None
    assert "no price" in offer["reason"]
    known: Any = client.models.retrieve("gpt-4.1-mini")
    by_account = {one["account"]: one for one in known.accounts}
    rates = by_account["openai"]["rates"]
    assert (rates["input"], rates["source"], rates["long_context"]) == ("0.2", "book", None)
    assert by_account["openai"]["configured"] is False
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no/such")


def test_providers_are_listed_with_what_they_can_and_no_secret(site: Site) -> None:
    with site.http() as plain:
        found = plain.get("/v1/providers")
        assert [one["id"] for one in found.json()["data"]] == ["azure", "openai"]
        azure = found.json()["data"][0]
        assert azure["accounts"] == ["azure"]
        assert "create_batch" in azure["operations"]
        assert azure["limits"]["azure"]["max_bytes"] == 200_000_000
        assert "key" not in found.text + plain.get("/v1/models").text
        assert len(plain.get("/azure/v1/providers").json()["data"]) == 1
