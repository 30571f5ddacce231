"""The conformance suite over the examples.  Run by `test_suite_finds_faults`, not by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from batchyard.effects import Reply
from batchyard.models import Batch, BatchRequest, FileObject, FileUpload, Finding, Ref, Usage
from batchyard.steps import BytesSource
from batchyard.testing import Exchange, Golden, ProviderSuite, Scenario
from tests.providers.goldens import STATUSES, openai_goldens

LINES = b'{"custom_id": "a"}\n' * 5

UPLOAD = Scenario(
    "upload_file",
    {"file": FileUpload(BytesSource(LINES), "in.jsonl")},
    [Exchange("PUT .*/in.jsonl$", Reply(200, {}, b'{"id": "f1"}'), lambda body: body == LINES)],
    FileObject(id="f1"),
)
CONTENT = Scenario(
    "file_content",
    {"file": Ref("out.jsonl")},
    [Exchange("GET .*/out.jsonl$", Reply(200, {"etag": '"1"'}, LINES))],
    LINES,
)
CREATE = Scenario(
    "create_batch",
    {"batch": BatchRequest(Ref("f1"), "/v1/embeddings")},
    [Exchange("POST .*/jobs$", Reply(201, {}, b'{"id": "b1"}'))],
    Batch(id="b1"),
    also=[Exchange("GET .*/jobs[?]input=f1$", Reply(200, {}, b'{"data": []}'))],
    found=[Exchange("GET .*/jobs[?]input=f1$", Reply(200, {}, b'{"data": [{"id": "b1"}]}'))],
)
RETRIEVE = Scenario(
    "retrieve_batch",
    {"batch": Ref("b1")},
    [Exchange("GET .*/jobs/b1$", Reply(200, {}, b'{"id": "b1", "status": "in_progress"}'))],
    Batch(id="b1", status="in_progress"),
)
CHECK = Scenario(
    "check_account",
    {},
    [Exchange("GET .*/jobs$", Reply(200, {}, b'{"data": []}'))],
    [Finding("ok", "credentials", "any text")],
)


# the examples' own reader counts no tokens
GOLDENS = tuple(
    replace(one, usage=Usage() if one.outcome == "ok" else None) for one in openai_goldens("m")
)


class Examples(ProviderSuite):
    settings = {"api_key": "example-SECRET-0123456789"}  # noqa: RUF012 - a ClassVar of the suite
    states = STATUSES
    goldens: ClassVar[Sequence[Golden]] = GOLDENS
    scenarios: ClassVar[Sequence[Scenario]] = (UPLOAD, CONTENT, CREATE, RETRIEVE, CHECK)

    def settings_for(self, url: str) -> Mapping[str, Any] | None:
        return {"base_url": url}


class TestGood(Examples):
    provider = "good"


class TestKeyed(Examples):
    provider = "keyed"
    scenarios = (replace(CREATE, also=(), found=()),)


class TestFixed(ProviderSuite):
    """Of a provider that always talks to the same host."""

    provider = "good"
    settings = Examples.settings
    states = STATUSES
    scenarios = (RETRIEVE,)


class TestKnownToFail(Examples):
    provider = "crashing"

    @pytest.mark.xfail(reason="it trusts the service", strict=False)
    def test_a_fault_is_an_error_or_recovered_from(
        self, scenario: Scenario, fault: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        super().test_a_fault_is_an_error_or_recovered_from(scenario, fault, caplog)


class TestQuietened(Examples):
    provider = "crashing"

    def test_a_fault_is_an_error_or_recovered_from(
        self, scenario: Scenario, fault: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Not tested, and nobody is told."""


class TestIncomplete(Examples):
    provider = "good"
    scenarios = (UPLOAD, CONTENT, CREATE, CHECK)


class TestOverfull(Examples):
    provider = "good"
    scenarios = (*Examples.scenarios, Scenario("cancel_batch", {"batch": Ref("b1")}, [], None))


class TestOtherResult(Examples):
    provider = "good"
    scenarios = (replace(RETRIEVE, result=Batch(id="b2")),)


class TestOtherRequest(Examples):
    provider = "good"
    scenarios = (
        replace(RETRIEVE, exchanges=[replace(RETRIEVE.exchanges[0], pattern="GET .*/b1$")] * 2),
        replace(RETRIEVE, exchanges=[replace(RETRIEVE.exchanges[0], pattern="POST .*/b1$")]),
    )


class TestOtherBody(Examples):
    provider = "good"
    scenarios = (
        replace(CREATE, exchanges=[replace(CREATE.exchanges[0], body=lambda body: body == b"{}")]),
    )


class TestUnfound(Examples):
    provider = "good"
    scenarios = (replace(CREATE, found=()),)


class TestAbsent(Examples):
    provider = "absent"


class TestStranger(Examples):
    provider = "stranger"


class TestCareless(Examples):
    provider = "careless"


class TestPlain(Examples):
    provider = "plain"


class TestTrusting(Examples):
    provider = "trusting"


class TestChoosy(Examples):
    provider = "choosy"


class TestTidy(Examples):
    provider = "tidy"


class TestBrittle(Examples):
    provider = "brittle"


class TestUndated(Examples):
    provider = "undated"


class TestCertain(Examples):
    provider = "certain"


class TestNumbering(Examples):
    provider = "numbering"


class TestSparing(Examples):
    provider = "sparing"


class TestUngilded(Examples):
    provider = "good"
    goldens = ()


class TestHeavy(Examples):
    provider = "heavy"


class TestDefaulting(Examples):
    provider = "defaulting"


class TestEager(Examples):
    provider = "eager"


class TestColoured(Examples):
    provider = "coloured"


class TestCrashing(Examples):
    provider = "crashing"
    scenarios = (RETRIEVE,)


class TestOptimist(Examples):
    provider = "optimist"
    scenarios = (RETRIEVE,)


class TestStubborn(Examples):
    provider = "stubborn"
    scenarios = (RETRIEVE,)


class TestForeign(Examples):
    provider = "foreign"
    scenarios = (RETRIEVE,)


class TestBlind(Examples):
    provider = "blind"


class TestForgetful(Examples):
    provider = "forgetful"


class TestHopeful(Examples):
    provider = "hopeful"


class TestUnsendable(Examples):
    provider = "unsendable"
    scenarios = (RETRIEVE,)


class TestVague(Examples):
    provider = "vague"
    scenarios = (RETRIEVE,)


class TestCutting(Examples):
    provider = "cutting"


class TestOneShot(Examples):
    provider = "one_shot"


class TestTalkative(Examples):
    provider = "talkative"
    scenarios = (RETRIEVE,)


class TestLogging(Examples):
    provider = "logging"
    scenarios = (RETRIEVE,)


class TestInThePath(Examples):
    provider = "in_the_path"
    scenarios = (RETRIEVE,)


class TestShowing(Examples):
    provider = "showing"


class TestFragile(Examples):
    provider = "fragile"


class TestClosed(Examples):
    provider = "closed"
