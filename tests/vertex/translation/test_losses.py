"""What could not be carried: refused or left out, and always told."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from batchyard.errors import InvalidLinesError
from batchyard_vertex.translation import losses_of
from batchyard_vertex.translation._losses import FieldLoss, LossReport, Notes, approximated, lost
from tests.vertex.translation.lines import chat, sent

BIASED: dict[str, Any] = {"logit_bias": {"1": 5}}


def test_a_loss_refuses_the_file_with_its_line_and_field_and_says_how_to_go_on() -> None:
    with pytest.raises(InvalidLinesError) as caught:
        sent(chat("a"), chat("b", **BIASED))
    (problem,) = caught.value.problems
    assert (problem.line, problem.param, problem.code) == (2, "body.logit_bias", "unsupported")
    assert "`lossy`" in problem.message


@pytest.mark.parametrize("lossy", ["warn", "drop"])
def test_a_loss_that_was_agreed_to_is_reported_and_logged_if_it_is_to_be(
    lossy: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        written, made = sent(chat("a"), chat("b", **BIASED), chat("c", **BIASED), lossy=lossy)
    assert "logit_bias" not in json.dumps(written)
    (found,) = losses_of({"losses": made.losses.as_json()})
    assert (found.kind, found.field, found.count, found.lines) == ("lost", "logit_bias", 2, (2, 3))
    told = [record.getMessage() for record in caplog.records]
    assert [("logit_bias" in one, "2 lines" in one) for one in told] == (
        [(True, True)] if lossy == "warn" else []
    )


def test_near_means_and_what_says_nothing_are_reported_and_refuse_nothing() -> None:
    _, made = sent(chat("a", reasoning_effort="xhigh", user="u"), chat("b", seed=2**40))
    assert [(one.kind, one.field, one.lines) for one in made.losses.fields()] == [
        ("approximated", "reasoning_effort", (1,)),
        ("approximated", "seed", (2,)),
        ("ignored", "user", (1,)),
    ]


def test_metadata_that_labels_can_have_is_carried_and_the_rest_is_told() -> None:
    metadata = {"team": "red", "Number": "x", "year": "2026", "flag": "true", "batchyard_id": "x"}
    written, made = sent(chat("a", metadata=metadata))
    assert written[0]["request"]["labels"] == {"batchyard_id": "by-1", "team": "red"}
    (told,) = made.losses.fields()
    assert (told.kind, told.field, told.count) == ("ignored", "metadata.*", 1)


def test_keys_of_metadata_do_not_push_what_is_lost_out_of_the_report() -> None:
    lines = [chat(f"r-{n}", metadata={f"Key-{n}": "x"}) for n in range(150)]
    _, made = sent(*lines, chat("late", **BIASED), lossy="drop")
    assert [(one.kind, one.field, one.count) for one in made.losses.fields()] == [
        ("lost", "logit_bias", 1),
        ("ignored", "metadata.*", 150),
    ]


def test_each_kind_of_loss_has_room_of_its_own() -> None:
    report = LossReport()
    report.add(1, [approximated(f"field_{n}", "r") for n in range(150)])
    report.add(2, [lost("logit_bias", "r")])
    assert report.fields()[0] == FieldLoss("lost", "logit_bias", "r", 1, (2,))
    assert (report.others("lost"), report.others("approximated")) == (0, 50)


def test_the_warning_says_how_many_losses_it_does_not_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        unheard: list[dict[str, Any]] = [{f"unheard_of_{n}": 1} for n in range(107)]
        sent(*(chat(f"r-{n}", **body) for n, body in enumerate(unheard)), lossy="warn")
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 101
    assert told[-1].startswith("7 more losses, of fields beside the first 100,")


def test_a_report_has_a_size_of_its_own_whatever_the_files() -> None:
    report = LossReport()
    for number in range(1, 5001):
        notes: Notes = [
            lost(f"messages[{number}].name", "r"),
            lost(f"messages[{number + 1}].name", "r"),
            approximated(f"field_{number % 300}", "r"),
        ]
        report.add(number, notes)
    told = report.as_json()
    # the one that is lost, and the most that there may be of the others
    assert len(told["fields"]) == 1 + 100
    assert told["others"] == 16 * 200 + 100
    assert told["fields"][0] == {
        "kind": "lost",
        "field": "messages[].name",
        "reason": "r",
        "count": 5000,
        "lines": list(range(1, 11)),
    }
    assert len(json.dumps(told)) < 20_000


@pytest.mark.parametrize(
    "state", [None, {}, {"losses": 5}, {"losses": {"fields": [{"kind": "lost"}, 7, None]}}]
)
def test_a_report_that_cannot_be_read_is_none(state: dict[str, object] | None) -> None:
    assert losses_of(state) == ()
