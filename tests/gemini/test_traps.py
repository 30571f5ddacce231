"""What goes wrong in silence at the Gemini API, each with the test that it does not here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import APIStatusError, AuthenticationError, InputError, WaitTimeoutError
from batchyard.models import Billing
from batchyard.prices import Asked, PriceSources
from batchyard.registry import Registry
from batchyard.testing import Emulated, GatewayServer

CHAT = "/v1/chat/completions"
IDS = ("000000", "true", "größe ✓ 例", '"q"', "x" * 300, " ", "2026-01-01", "\u2028", "a\tb")


def line(name: str, text: str = "Hello.", **more: Any) -> dict[str, Any]:
    body = {"model": "gemini-2.5-flash", "messages": [{"role": "user", "content": text}], **more}
    return {"custom_id": name, "method": "POST", "url": CHAT, "body": body}


def packed(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def ended(client: Any, *lines: dict[str, Any]) -> Any:
    batch = client.batches.create(client.files.create(packed(*lines)), CHAT)
    return client.batches.wait(batch)


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulated]:
    """For what leaves the emulator as it was."""
    with Emulated("gemini") as place:
        yield place


@pytest.fixture
def place() -> Iterator[Emulated]:
    with Emulated("gemini") as place:
        yield place


def test_ids_of_any_shape_come_back_as_they_were(shared: Emulated) -> None:
    client = shared.client()
    results = list(client.batches.results(ended(client, *(line(one) for one in IDS))))
    assert [one.custom_id for one in results] == list(IDS)
    assert {one.outcome for one in results} == {"ok"}


@pytest.mark.parametrize("quirk", ["shuffled-rows", "duplicated-rows", "http-codes", "job-states"])
def test_rows_are_matched_by_key_however_the_service_writes_them(
    place: Emulated, quirk: str
) -> None:
    place.quirks.enable(quirk)
    client = place.client()
    batch = ended(client, line("a", "one"), line("b", "two"), line("c", temperature=9))
    results = client.batches.results(batch)
    found = {one.custom_id: (str(one.outcome), one.text) for one in results}
    assert found["a"] == ("ok", "You said: one")
    assert found["b"] == ("ok", "You said: two")
    assert found["c"][0] == "error"
    errors = [one.error for one in client.batches.results(batch) if one.error]
    assert [one.status for one in errors] == [400]


def test_a_request_without_a_row_is_missing_and_not_forgotten(place: Emulated) -> None:
    place.quirks.enable("missing-rows")
    client = place.client()
    results = client.batches.results(ended(client, line("a"), line("b")))
    assert {one.custom_id: str(one.outcome) for one in results} == {"a": "missing", "b": "ok"}


def test_a_blocked_prompt_is_blocked_and_its_tokens_are_counted(shared: Emulated) -> None:
    client = shared.client()
    (result,) = client.batches.results(ended(client, line("a", "[[flagged]]")))
    assert result.outcome == "blocked"
    assert result.error is not None
    assert "PROHIBITED_CONTENT" in result.error.message


def test_thoughts_are_counted_once_and_an_answer_without_usage_is_unknown(place: Emulated) -> None:
    place.quirks.enable("no-usage=1")
    client = place.client()
    silent, told = client.batches.results(ended(client, line("a"), line("b")))
    assert not silent.usage.known
    assert told.usage.input_tokens == 7
    assert told.usage.cached_tokens == 2
    assert told.usage.reasoning_tokens == 5
    assert told.usage.output_tokens == 3 + 5
    assert told.response["usage"]["total_tokens"] == 7 + 3 + 5


def test_a_list_is_asked_for_with_a_page_size(place: Emulated) -> None:
    place.quirks.enable("list-needs-page-size")
    client = place.client()
    batch = ended(client, line("a"))
    assert [one.id for one in client.batches.list()] == [batch.id]


def test_a_cancelled_batch_that_still_runs_for_a_while_is_being_cancelled(place: Emulated) -> None:
    place.quirks.enable("late-cancel=1")
    client = place.client()
    batch = client.batches.create(client.files.create(packed(line("a"))), CHAT)
    assert client.batches.cancel(batch).status == "cancelling"
    assert client.batches.wait(batch).status == "cancelled"


def test_a_bad_key_is_one_though_it_is_answered_as_a_bad_request() -> None:
    with Emulated("gemini", keys=("AIza-the-right-one",)) as place:
        account = {"api_key": "AIza-a-wrong-one", "base_url": place.url}
        with pytest.raises(AuthenticationError) as caught:
            list(place.client(**account).batches.list())
    assert caught.value.code == "API_KEY_INVALID"
    assert "AIza-a" not in str(caught.value)


def test_the_key_does_not_go_to_the_address_of_an_upload(shared: Emulated) -> None:
    shared.client().files.create(packed(line("a")))
    sent = [one for one in shared.requests if "sessions" in one.path]
    assert sent
    assert all("x-goog-api-key" not in one.headers for one in sent)


def test_a_file_of_two_models_is_refused_before_anything_is_sent(shared: Emulated) -> None:
    other = line("b")
    other["body"]["model"] = "gemini-2.5-pro"
    with pytest.raises(InputError, match="of one model"):
        shared.client().files.create(packed(line("a"), other))


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"logit_bias": {"1": 2}}, "body.logit_bias"),
        ({"parallel_tool_calls": False}, "body.parallel_tool_calls"),
        ({"something_new": 1}, "body.something_new"),
        ({"temperature": "hot"}, "body.temperature"),
        ({"tool_choice": "maybe"}, "body.tool_choice"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name_and_field(
    shared: Emulated, more: dict[str, Any], param: str
) -> None:
    with pytest.raises(InputError) as caught:
        shared.client().files.create(packed(line("the line", **more)))
    assert caught.value.param == param
    assert "the line" in caught.value.message


def test_what_is_left_out_is_reported(shared: Emulated) -> None:
    client = shared.client(lossy="drop")
    file = client.files.create(
        packed(line("a", logit_bias={"1": 2}, user="u"), line("b", user="u"))
    )
    assert file.provider_state == {"losses": {"fields": {"body.logit_bias": 1, "body.user": 2}}}


def test_uploads_that_cannot_be_read_again_cost_the_proof_and_no_answer(
    place: Emulated, tmp_path: Path
) -> None:
    place.quirks.enable("uploads-stay")
    client = place.client()
    batch = ended(client, line("a"), line("b"))
    results = client.batches.results(batch)
    assert len(list(results)) == 2
    assert "completeness unknown" in str(results.completeness)
    path = tmp_path / "in.jsonl"
    path.write_bytes(packed(line("a"), line("b")))
    proven = client.batches.results(batch, input_file=path)
    assert len(list(proven)) == 2
    assert proven.completeness is not None
    assert proven.completeness.complete


def test_metadata_that_find_no_room_are_refused_and_a_ledger_keeps_them(
    shared: Emulated, tmp_path: Path
) -> None:
    client = shared.client()
    file = client.files.create(packed(line("a")))
    notes = {"note": "x" * 500}
    with pytest.raises(InputError, match="room for 512"):
        client.batches.create(file, CHAT, metadata=notes)
    tracked = shared.client(ledger=tmp_path / "ledger.db")
    batch = tracked.batches.create(tracked.files.create(packed(line("a"))), CHAT, metadata=notes)
    assert tracked.batches.wait(batch).metadata == notes


def test_result_files_whose_names_are_too_long_are_not_deleted_in_silence(place: Emulated) -> None:
    place.quirks.enable("long-names")
    client = place.client()
    batch = ended(client, line("a"))
    assert len(list(client.batches.results(batch))) == 1
    with pytest.raises(APIStatusError, match="at most 40 characters"):
        client.files.delete(batch.output_file_id)


def test_a_ledger_ends_with_every_line_and_a_priced_receipt(
    shared: Emulated, tmp_path: Path
) -> None:
    client = shared.client(ledger=tmp_path / "ledger.db")
    batch = ended(client, line("a"), line("b", temperature=9))
    receipt = client.batches.cost(batch)
    assert receipt.proof.complete
    # 7 tokens in, of which 2 are cached, and 8 out, at half of the list price
    cost = (5 * Decimal("0.15") + 2 * Decimal("0.03") + 8 * Decimal("1.25")) / 1_000_000
    assert receipt.cost == round(cost, 9)


def test_a_ledger_accounts_for_a_batch_whose_files_are_gone_when_it_expires(
    tmp_path: Path,
) -> None:
    with Emulated("gemini", finished_before_expiry=1) as place:
        client = place.client(ledger=tmp_path / "ledger.db")
        batch = client.batches.create(client.files.create(packed(line("a"), line("b"))), CHAT)
        with pytest.raises(WaitTimeoutError):
            client.batches.wait(batch, wait_timeout=120)
        place.clock.advance(48 * 3600)
        batch = client.batches.wait(batch)
        results = {one.custom_id: str(one.outcome) for one in client.batches.results(batch)}
        receipt = client.batches.cost(batch)
    assert batch.status == "expired"
    assert results == {"a": "expired", "b": "expired"}
    assert receipt.proof.complete
    assert (receipt.cost, receipt.state) == (Decimal(0), "no_usage")


def test_the_gateway_passes_it_on_with_ids_and_errors(place: Emulated, tmp_path: Path) -> None:
    import httpx  # noqa: PLC0415 - one test needs it

    with (
        GatewayServer(tmp_path, [place]) as gateway,
        httpx.Client(base_url=f"{gateway.url}/", trust_env=False, timeout=30) as http,
    ):
        form = {"file": ("in.jsonl", packed(line("größe"), line("bad", temperature=9)))}
        file = http.post("files", files=form, data={"purpose": "batch"}).json()
        order = {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}
        batch = http.post("batches", json=order).json()
        gateway.settle()
        batch = http.get(f"batches/{batch['id']}").json()
        good = http.get(f"files/{batch['output_file_id']}/content").text
        bad = http.get(f"files/{batch['error_file_id']}/content").text
    assert batch["status"] == "completed"
    assert json.loads(good)["custom_id"] == "größe"
    assert json.loads(bad)["response"]["status_code"] == 400


def test_prices_are_derived_from_those_of_the_same_models_elsewhere() -> None:
    asked = Asked(Billing("gemini-2.5-flash"), None, "gemini", "a", 20_600)
    rates = PriceSources.load(Registry({})).rates(asked).rates
    assert rates is not None
    assert (rates.input, rates.output, rates.cached_input) == (
        Decimal("0.15"),
        Decimal("1.25"),
        Decimal("0.03"),
    )
    assert rates.basis == "derived"


def test_of_two_keys_in_the_environment_googles_counts_as_for_googles_client() -> None:
    both = {"GEMINI_API_KEY": "AIza-1", "GOOGLE_API_KEY": "AIza-2"}
    _, settings = Registry(both).settings("gemini")
    assert settings.model_dump()["api_key"].get_secret_value() == "AIza-2"
