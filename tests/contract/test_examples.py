"""Every example of the contract runs as it is printed."""

from __future__ import annotations

import asyncio
import json
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from batchyard import hookspecs
from batchyard.errors import BatchyardError
from batchyard.hookspecs import EngineContext, GateLine, Rates, Verdict
from batchyard.lines import decode_result
from batchyard.models import (
    Batch,
    BatchEvent,
    BatchRequest,
    Billing,
    Call,
    Event,
    FileEvent,
    FileObject,
    FileUpload,
    Identity,
    Limits,
    LineRecord,
    PageRequest,
    Ref,
    RequestEvent,
    Totals,
    Usage,
)
from batchyard.registry import OPERATIONS, Account, Listener
from batchyard.registry._checks import implementations, manager_for, register
from batchyard.steps import BytesSource
from tests.contract.examples import HOOKS, example_class, hints_of, spec_of
from tests.contract.replay import Replay

THING = {"id": "thing-1", "status": "completed", "bytes": 7, "filename": "a.jsonl"}
PAGE = {"object": "list", "data": [THING], "has_more": False}
ANYTHING = json.dumps({**PAGE, **THING}).encode()
"""A reply in which a file, a batch or a page of either can be found."""

GIVEN: dict[Any, Any] = {
    Call: Call("acme", marker="mark-1"),
    FileUpload: FileUpload(BytesSource(b"{}\n"), "a.jsonl"),
    BatchRequest: BatchRequest(Ref("file-1"), "/v1/responses", models=("m",)),
    PageRequest: PageRequest(after="thing-0"),
    Ref: Ref("thing-1"),
    Ref | None: Ref("thing-1"),
    str: "/v1/responses",
    str | None: None,
    float | None: None,
    frozenset[str]: frozenset(),
}
"""What an operation may be called with, by type."""

WHO: dict[str, Any] = {"at": 1_790_000_000.0, "provider": "acme", "account": "acme"}


def example(group: str, hook: str) -> object:
    """The example of *hook*, made and registered by the registry's own check."""
    plugin: object = example_class(spec_of(group, hook))()
    register(manager_for(group), group, "Example", plugin)
    return plugin


def called(group: str, hook: str, *arguments: Any) -> Any:
    """What the example's hook returns, called as pluggy calls it."""
    names = [name for name in hints_of(group, hook) if name != "return"]
    manager = manager_for(group)
    register(manager, group, "Example", example_class(spec_of(group, hook))())
    return getattr(manager.hook, hook)(**dict(zip(names, arguments, strict=True)))


def operation(account: Account, hook: str) -> Any:
    hints = hints_of("providers", hook)
    return getattr(account, hook)(
        **{name: GIVEN[hint] for name, hint in hints.items() if name != "return"}
    )


@pytest.mark.parametrize("hook", [one for one in OPERATIONS if one != "file_content"])
def test_an_operations_example_ends_with_what_its_spec_promises(hook: str) -> None:
    account = Account("acme", "acme", example("providers", hook))
    assert account.operations == (hook,)
    replay = Replay(ANYTHING)
    result = replay.run(operation(account, hook))
    promised = get_args(hints_of("providers", hook)["return"])[-1]
    TypeAdapter(promised).validate_python(result, strict=True)
    assert result
    assert replay.requests


@pytest.mark.parametrize("hook", ["find_file", "find_batch"])
def test_the_example_of_a_search_that_finds_nothing_ends_with_none(hook: str) -> None:
    account = Account("acme", "acme", example("providers", hook))
    assert Replay(json.dumps({**PAGE, "data": []}).encode()).run(operation(account, hook)) is None


@pytest.mark.parametrize("hook", OPERATIONS)
def test_an_operations_example_reports_a_refusal(hook: str) -> None:
    account = Account("acme", "acme", example("providers", hook))
    refusing = Replay(b"no", status=403)
    if hook == "check_account":
        (finding,) = refusing.run(operation(account, hook))
        assert (finding.level, finding.message) == ("error", "HTTP 403: no")
        return
    run = refusing.collect if hook == "file_content" else refusing.run
    with pytest.raises(BatchyardError, match="HTTP 403: no"):
        run(operation(account, hook))


def test_the_example_of_file_content_produces_the_bytes() -> None:
    account = Account("acme", "acme", example("providers", "file_content"))
    assert Replay(b'{"a": 1}\n').collect(operation(account, "file_content")) == b'{"a": 1}\n'


def test_the_example_of_usage_reader_reads_a_line() -> None:
    account = Account("acme", "acme", example("providers", "usage_reader"))
    read = account.usage_reader("/v1/responses")
    body = {"usage": {"in": 3, "out": 4}}
    answered = {"custom_id": "a", "response": {"status_code": 200, "body": body}}
    assert read(decode_result(json.dumps(answered).encode())) == Usage(3, 4)
    assert read(decode_result(b'{"custom_id": "b", "response": null}')) == Usage(0, 0)


def test_the_example_of_limits_gives_limits() -> None:
    limits = Account("acme", "acme", example("providers", "limits")).limits()
    assert limits == Limits(max_lines=10_000, max_bytes=100_000_000)


def test_the_example_of_billing_knows_what_a_deployment_is_billed_as() -> None:
    account = Account("acme", "acme", example("providers", "billing"))
    assert account.billing(None, "my-deployment") == Billing("house-model", "eu")
    assert account.billing("other-model", "other") == Billing("other-model", "eu")


def test_the_example_of_staged_inputs_has_them_deleted() -> None:
    provider: Any = example("providers", "staged_inputs")
    account = Account("acme", "acme", provider)
    assert account.staged_inputs() == "delete"
    provider.tidy = False
    assert account.staged_inputs() == "keep"
    assert Account("acme", "acme", example("providers", "limits")).staged_inputs() == "keep"


def test_the_packages_example_wraps_an_operation(capsys: pytest.CaptureFixture[str]) -> None:
    middleware = example_class(hookspecs)()
    register(manager_for("middleware"), "middleware", "Example", middleware)
    provider = example("providers", "create_batch")
    account = Account("acme", "acme", provider, middleware={"Example": middleware})
    assert Replay(ANYTHING).run(operation(account, "create_batch")).id == "thing-1"
    assert capsys.readouterr().out == "create_batch took 0.0\n"


def event(kind: Any, hook: str) -> Event:
    if kind is FileEvent:
        return FileEvent(hook=hook, **WHO, file=FileObject(id="file-1", bytes=7))
    if kind is RequestEvent:
        sent: dict[str, Any] = {
            "method": "GET",
            "url": "https://x.example",
            "status": 200,
            "seconds": 0.1,
        }
        return RequestEvent(hook=hook, **WHO, **sent)
    totals = Totals(Usage(3, 4), 1, Decimal("0.01"))
    batch = Batch(id="batch-1", status="completed")
    return BatchEvent(hook=hook, **WHO, batch=batch, previous_status="x", totals=totals)


@pytest.mark.parametrize("hook", [hook for group, hook in HOOKS if group == "listeners"])
def test_a_listeners_example_hears_a_real_event(
    hook: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    plugin = example("listeners", hook)
    hooks = {name: impl.function for name, impl in implementations(plugin).items()}
    listener = Listener("Example", hooks)
    with caplog.at_level(logging.ERROR):
        listener.tell(event(hints_of("listeners", hook)["event"], hook))
        assert listener.flush()
    assert caplog.messages == []
    assert listener.counts.told == 1
    assert capsys.readouterr().out.strip()


def test_the_example_of_a_sink_delivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    delivered = event(BatchEvent, "batch_success")
    asyncio.run(called("sinks", "deliver", delivered))
    assert Path("events.txt").read_text() == f"{delivered.id} batch_success\n"


def test_the_example_of_a_sink_for_lines_delivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line = LineRecord(
        id="line_1", batch_id="b", number=1, custom_id="a", outcome="ok", endpoint="/v1/responses"
    )
    called("sinks", "deliver_lines", event(BatchEvent, "batch_success"), [line])
    assert Path("lines.txt").read_text() == "line_1 a ok None\n"


def test_the_example_of_check_lines_gives_a_verdict_for_each_line() -> None:
    lines = [GateLine(1, "short", b"{}"), GateLine(2, "long", b"x" * 200_000)]
    verdicts = called("gates", "check_lines", lines)
    assert [verdict.action for verdict in verdicts] == ["keep", "refuse"]
    assert verdicts[1].code == "too_long"


class Asked:
    """Who asks for a batch."""

    identity = Identity("ana", "research")


@pytest.mark.parametrize(("model", "action"), [("m", "keep"), ("gpt-5-pro", "refuse")])
def test_the_example_of_check_batch_decides_by_the_models(model: str, action: str) -> None:
    batch = BatchRequest(Ref("file-1"), "/v1/responses", models=(model,))
    verdict = called("gates", "check_batch", batch, Asked())
    assert isinstance(verdict, Verdict)
    assert verdict.action == action


def test_the_example_of_rates_knows_one_model_and_leaves_the_others() -> None:
    asked = ("acme", None, "batch", 1_790_000_000.0, "acme", None, None)
    rates = called("prices", "rates", "house-model", *asked)
    assert rates == Rates(Decimal("0.10"), Decimal("0.40"), source="example")
    assert called("prices", "rates", "other", *asked) is None


def engine(hook: str) -> Any:
    """The example of one of an engine's hooks, made and checked as the registry does it."""
    made = example_class(spec_of("engines", hook))(EngineContext("sqlite:////x.db", "a-process"))
    register(manager_for("engines"), "engines", "Example", made)
    return made


@pytest.mark.parametrize("hook", ["dispatch", "serve", "close"])
def test_the_examples_of_an_engine_advance_each_id(hook: str) -> None:
    advanced: list[str] = []

    async def advance(job: str) -> None:
        advanced.append(job)

    async def main() -> None:
        example = engine(hook)
        await example.dispatch(["job-1", "job-2"], advance)
        if hook == "serve":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(example.serve(advance), 0.05)
        elif hook == "close":
            await example.close()

    asyncio.run(main())
    assert advanced == ["job-1", "job-2"]
