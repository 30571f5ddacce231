"""What goes wrong in silence elsewhere, each by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard.client import Client
from batchyard.errors import (
    AmbiguousCreateError,
    AuthenticationError,
    InputError,
    InvalidLinesError,
    NotFinishedError,
    NotFoundError,
    UnsupportedError,
)
from batchyard.models import Batch
from batchyard.testing import Emulated
from batchyard_anthropic import losses_of
from tests.anthropic.lines import CHAT, chat_line, jsonl

DAY = 86_400.0


@pytest.fixture
def place() -> Iterator[Emulated]:
    with Emulated("anthropic") as place:
        yield place


def begun(client: Client, *lines: object, **options: Any) -> Batch:
    return client.batches.create(client.files.create(jsonl(*lines)), CHAT, **options)


def ended(client: Client, *lines: object) -> Batch:
    return client.batches.wait(begun(client, *lines))


def outcomes(client: Client, batch: Batch) -> dict[str | None, str]:
    return {one.custom_id: one.outcome for one in client.batches.results(batch)}


ODD_IDS = (
    "plain-1",
    "a b/c.d",
    "b64_looks_like_ours",
    "sha_looks_like_ours",
    "größe ✓ 例",
    "x" * 64,
    "x" * 65,
    "/long/" + "ü" * 200,
    "\u2028 \t",
)


def test_ids_of_any_shape_come_back_byte_for_byte(place: Emulated) -> None:
    client = place.client()
    batch = ended(client, *(chat_line(one) for one in ODD_IDS))
    assert outcomes(client, batch) == dict.fromkeys(ODD_IDS, "ok")
    (create,) = [one for one in place.emulator.requests if one.method == "POST"]
    assert create.status == 200


def test_long_ids_come_back_to_another_process_and_even_without_their_state(
    place: Emulated,
) -> None:
    batch = ended(place.client(), *(chat_line(one) for one in ODD_IDS))
    assert set(outcomes(place.client(), place.client().batches.retrieve(batch.id))) == set(ODD_IDS)


def test_more_long_ids_than_a_state_holds_are_read_from_the_file(place: Emulated) -> None:
    client = place.client()
    names = [f"{number}/" + "ü" * 2000 for number in range(140)]
    file = client.files.create(jsonl(*map(chat_line, names)))
    assert (file.provider_state or {})["ids"] == {}
    batch = client.batches.wait(client.batches.create(file, CHAT))
    assert set(outcomes(client, batch)) == set(names)


def test_results_in_any_order_are_matched_by_their_ids(place: Emulated) -> None:
    client = place.client()
    batch = ended(client, *(chat_line(f"r-{n}", f"number {n}") for n in range(30)))
    for one in client.batches.results(batch):
        assert f"number {(one.custom_id or '')[2:]}" in (one.text or "")


@pytest.mark.parametrize(
    ("quirk", "proof"),
    [
        ("missing-results", "5 = 4 ok + 1 missing"),
        ("doubled-results", "5 = 5 ok"),
        ("torn-line", "5 = 5 ok"),
        ("unknown-results", "5 = 4 ok + 1 error"),
        ("unknown-fields", "5 = 5 ok"),
        ("unknown-state", "5 = 5 ok"),
    ],
)
def test_what_the_service_may_do_costs_no_other_line(
    place: Emulated, quirk: str, proof: str
) -> None:
    place.quirks.enable(quirk)
    client = place.client()
    batch = ended(client, *(chat_line(f"r-{n}") for n in range(5)))
    results = client.batches.results(batch)
    list(results)
    assert str(results.completeness).startswith(proof)


def test_a_state_that_nobody_knows_is_still_running(place: Emulated) -> None:
    place.quirks.enable("unknown-state")
    client = place.client()
    batch = begun(client, chat_line("a"))
    assert (batch.status, batch.terminal) == ("queued", False)


def test_a_late_cancel_that_is_refused_returns_the_batch_as_it_is(place: Emulated) -> None:
    place.quirks.enable("late-cancel-refused")
    client = place.client()
    assert client.batches.cancel(ended(client, chat_line("a"))).status == "completed"


def test_parameters_are_looked_at_late_and_a_batch_of_errors_has_completed(place: Emulated) -> None:
    client = place.client()
    batch = ended(client, chat_line("a", model="gpt-4.1"), chat_line("b", max_tokens=10**6))
    counts = batch.request_counts
    assert counts is not None
    assert (batch.status, counts.completed, counts.failed) == ("completed", 0, 2)
    results = client.batches.results(batch)
    statuses = {one.custom_id: one.error.status for one in results if one.error}
    assert statuses == {"a": 404, "b": 400}


def test_results_of_a_batch_that_runs_are_refused_as_such(place: Emulated) -> None:
    client = place.client()
    batch = begun(client, chat_line("a"))
    with pytest.raises(NotFinishedError, match="in_progress"):
        client.files.content(f"{batch.id}.results").read()


def test_results_that_are_gone_say_that_they_are_kept_for_29_days(place: Emulated) -> None:
    client = place.client()
    batch = ended(client, chat_line("a"))
    place.clock.advance(30 * DAY)
    with pytest.raises(NotFoundError, match="29 days"):
        client.files.content(batch.output_file_id or "").read()
    assert client.batches.retrieve(batch.id).output_file_id is None


def test_a_lost_create_is_not_taken_for_a_batch_of_anothers(place: Emulated) -> None:
    client = place.client()
    begun(client, chat_line("a"), chat_line("b"))
    place.faults.add("POST /v1/messages/batches reset")
    batch = begun(client, chat_line("c"), chat_line("d"))
    assert set(outcomes(client, client.batches.wait(batch))) == {"c", "d"}
    assert len(list(client.batches.list())) == 2


def test_where_others_write_a_lost_create_is_never_guessed(place: Emulated) -> None:
    client = place.client(other_writers=True)
    place.faults.add("POST /v1/messages/batches lost")
    with pytest.raises(AmbiguousCreateError, match="msgbatch_"):
        begun(client, chat_line("a"))


def test_two_candidates_for_a_lost_create_are_an_ambiguity(place: Emulated) -> None:
    elsewhere = place.environment["BATCHYARD_ANTHROPIC_FOLDER"] + "/other"
    client, other = place.client(), place.client(folder=elsewhere)
    begun(other, chat_line("x"))
    place.faults.add("POST /v1/messages/batches lost")
    with pytest.raises(AmbiguousCreateError, match="carry"):
        begun(client, chat_line("a"))


def test_what_cannot_be_said_is_refused_with_line_and_field(place: Emulated) -> None:
    lines = jsonl(chat_line("a"), chat_line("b", seed=7), chat_line("c", n=2))
    with pytest.raises(InvalidLinesError) as caught:
        place.client().files.create(lines)
    assert [(one.line, one.param) for one in caught.value.problems] == [
        (2, "body.seed"),
        (3, "body.n"),
    ]


@pytest.mark.parametrize("lossy", ["warn", "drop"])
def test_what_is_left_out_is_in_the_report_by_field_and_line(
    place: Emulated, lossy: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = place.client(lossy=lossy)
    lines = jsonl(
        chat_line("a", seed=7, metadata={"x": "y"}),
        chat_line("b", n=2, temperature=1.2),
        chat_line("c", seed=8, max_tokens=None),
    )
    file = client.files.create(lines)
    found = {(one.kind, one.field): one.lines for one in losses_of(file.provider_state)}
    assert found == {
        ("lost", "seed"): (1, 3),
        ("lost", "n"): (2,),
        ("approximated", "temperature"): (2,),
        ("approximated", "max_completion_tokens"): (3,),
        ("ignored", "metadata"): (1,),
    }
    assert ("`seed` cannot be carried" in caplog.text) == (lossy == "warn")
    batch = client.batches.wait(client.batches.create(file, CHAT))
    assert set(outcomes(client, batch).values()) == {"ok"}


def test_a_file_of_two_endpoints_and_one_that_is_created_for_the_other_are_refused(
    place: Emulated,
) -> None:
    client = place.client()
    native = {"custom_id": "b", "params": chat_line("b")["body"]}
    with pytest.raises(InvalidLinesError, match="line 2"):
        client.files.create(jsonl(chat_line("a"), native), validate=False)
    file = client.files.create(jsonl(native), validate=False)
    with pytest.raises(InputError, match="/v1/messages"):
        client.batches.create(file, CHAT)
    batch = client.batches.wait(client.batches.create(file, "/v1/messages"))
    content = client.files.content(batch.output_file_id or "").read()
    assert json.loads(content)["response"]["body"]["type"] == "message"


def test_an_extra_header_brings_no_other_credential_and_betas_add_up(place: Emulated) -> None:
    client = place.client(betas=("b-2026",))
    more = {"X-API-Key": "other-0123456789", "anthropic-beta": "a-2025"}
    # with the other's key it would be refused
    assert list(client.batches.list(extra_headers=more)) == []
    (seen,) = place.requests
    assert seen.headers["anthropic-beta"] == "b-2026,a-2025"


def test_a_wrong_key_is_an_authentication_error_that_does_not_show_it(place: Emulated) -> None:
    client = place.client(api_key="sk-ant-wrong-0123456789")
    with pytest.raises(AuthenticationError) as caught:
        list(client.batches.list())
    assert "wrong" not in str(caught.value)
    assert caught.value.request_id


def test_a_file_that_is_elsewhere_says_so_and_results_cannot_be_deleted(
    place: Emulated, tmp_path: Path
) -> None:
    file = place.client().files.create(jsonl(chat_line("a")))
    elsewhere = place.client(folder=str(tmp_path))
    with pytest.raises(NotFoundError, match="only where they were uploaded"):
        elsewhere.batches.create(file.id, CHAT)
    with pytest.raises(UnsupportedError, match="29 days"):
        elsewhere.files.delete("msgbatch_1.results")


@pytest.mark.parametrize("name", ["../../etc/passwd", "file-../x", "file-", "file-" + "x" * 200])
def test_an_id_leads_to_no_other_file(place: Emulated, name: str) -> None:
    with pytest.raises(NotFoundError):
        place.client().files.retrieve(name)


def test_what_is_old_goes_from_the_folder(place: Emulated) -> None:
    client = place.client()
    old = client.files.create(jsonl(chat_line("a")))
    place.clock.advance(31 * DAY)
    new = client.files.create(jsonl(chat_line("b")))
    assert [one.id for one in client.files.list()] == [new.id]
    with pytest.raises(NotFoundError):
        client.files.retrieve(old.id)


def test_a_batch_that_would_be_too_large_is_refused_before_anything_is_sent(
    place: Emulated,
) -> None:
    lines = jsonl(*(chat_line(f"{n}") for n in range(3)))
    with pytest.raises(InputError, match="takes 2 requests, and the file has 3"):
        place.client(max_lines=2).files.create(lines, validate=False)
    with pytest.raises(InputError, match="takes 100 bytes"):
        place.client(max_bytes=100).files.create(lines, validate=False)
    assert not list(place.emulator.requests)
