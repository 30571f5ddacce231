"""Sinks, gates and engines behind their typed faces: whatever they do, the answer is clear."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from batchyard.errors import (
    ConfigError,
    LedgerUnavailableError,
    PluginContractError,
    PluginFailedError,
    PluginLoadError,
)
from batchyard.hookspecs import EngineContext, GateLine, Verdict, hookimpl
from batchyard.models import Batch, BatchEvent, BatchRequest, Event, Ref
from batchyard.registry import Engine, Gate, Registry, Sink
from batchyard.registry import _calling as calling
from tests.registry.distributions import Site

SOON = 10.0
"""Seconds that a test waits for what takes milliseconds."""

EVENT = BatchEvent(
    hook="batch_created", at=0.0, provider="acme", account="acme", batch=Batch(id="batch_a")
)
LINES = [GateLine(1, "a", b"{}"), GateLine(2, "b", b"{}")]
REQUEST = BatchRequest(Ref("file"), "/v1/responses", models=("m",))


def deliver(plugin: object, **options: float) -> None:
    asyncio.run(Sink("place", plugin, **options).deliver(EVENT))


@pytest.fixture
def let_go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


class TestOfASink:
    def test_an_async_hook_runs_on_the_callers_loop(self) -> None:
        loops: list[object] = []

        class Place:
            @hookimpl
            async def deliver(self, event: Event) -> None:
                await asyncio.sleep(0)
                assert event is EVENT
                loops.append(asyncio.get_running_loop())

        async def main() -> object:
            await Sink("place", Place()).deliver(EVENT)
            return asyncio.get_running_loop()

        assert [asyncio.run(main())] == loops

    def test_a_def_runs_in_a_thread_of_its_own_in_the_callers_context(self) -> None:
        variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
        seen: list[object] = []

        class Place:
            @hookimpl
            def deliver(self, event: Event) -> None:
                thread = threading.current_thread()
                seen.extend([event, thread is threading.main_thread(), thread.daemon])
                seen.append(variable.get())

        variable.set("the caller's")
        deliver(Place())
        assert seen == [EVENT, False, True, "the caller's"]

    def test_a_hook_may_take_no_argument(self) -> None:
        told: list[str] = []

        class Place:
            @hookimpl
            def deliver(self) -> None:
                told.append("something happened")

        deliver(Place())
        assert told == ["something happened"]

    def test_a_def_that_returns_something_to_await_is_awaited(self) -> None:
        delivered: list[Event] = []

        async def later(event: Event) -> None:
            await asyncio.sleep(0)
            delivered.append(event)

        class Place:
            @hookimpl
            def deliver(self, event: Event) -> Awaitable[None]:
                return later(event)

        deliver(Place())
        assert delivered == [EVENT]

    @pytest.mark.parametrize("colour", ["def", "async def"])
    @pytest.mark.parametrize(
        "error", [KeyError("tokens"), SystemExit(3), StopIteration(), asyncio.CancelledError()]
    )
    def test_whatever_it_raises_is_a_failure_with_its_name(
        self, colour: str, error: BaseException
    ) -> None:
        class Place:
            @hookimpl
            def deliver(self) -> None:
                raise error

        class AsyncPlace:
            @hookimpl
            async def deliver(self) -> None:
                await asyncio.sleep(0)
                raise error

        with pytest.raises(PluginFailedError, match=r"^sink place: deliver failed: ") as caught:
            deliver(Place() if colour == "def" else AsyncPlace())
        name = type(error).__name__
        # what would end a coroutine in silence is turned into an error by Python itself
        assert name in str(caught.value) or "StopIteration" in str(caught.value)

    def test_who_is_cancelled_is_cancelled_and_no_failure_is_made_of_it(self) -> None:
        class Place:
            @hookimpl
            async def deliver(self) -> None:
                await asyncio.Event().wait()

        async def main() -> None:
            task = asyncio.create_task(Sink("place", Place()).deliver(EVENT))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())

    def test_one_that_hangs_fails_after_its_deadline(self, let_go: threading.Event) -> None:
        class Place:
            @hookimpl
            def deliver(self) -> None:
                let_go.wait(SOON)

        class AsyncPlace:
            @hookimpl
            async def deliver(self) -> None:
                await asyncio.Event().wait()

        for place in (Place(), AsyncPlace()):
            with pytest.raises(PluginFailedError, match=r"has not returned in 0\.02 s"):
                deliver(place, deadline=0.02)

    def test_a_timeout_of_its_own_is_a_failure_like_any_other(self) -> None:
        class Place:
            @hookimpl
            async def deliver(self) -> None:
                raise TimeoutError("their server")

        with pytest.raises(PluginFailedError, match="TimeoutError: their server"):
            deliver(Place())

    def test_calls_that_never_return_are_bounded(
        self, let_go: threading.Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(calling, "HANGING", 2)
        entered = threading.Semaphore(0)

        class Place:
            @hookimpl
            def deliver(self) -> None:
                entered.release()
                let_go.wait(SOON)

        sink = Sink("place", Place(), deadline=0.02)
        for said in ("has not returned", "has not returned", "2 calls have not returned"):
            with pytest.raises(PluginFailedError, match=said):
                asyncio.run(sink.deliver(EVENT))
        assert entered.acquire(timeout=SOON)
        assert entered.acquire(timeout=SOON)
        assert not entered.acquire(blocking=False), "the third was not called"

    @pytest.mark.parametrize("answer", [False, True, 0, "delivered"])
    def test_an_answer_is_refused_since_it_may_have_meant_a_failure(self, answer: object) -> None:
        class Place:
            @hookimpl
            def deliver(self) -> object:
                return answer

        with pytest.raises(PluginContractError, match="sink place: deliver must return None, not"):
            deliver(Place())

    def test_what_is_no_sink_is_refused_when_it_is_made(self) -> None:
        class Gatekeeper:
            @hookimpl
            def check_lines(self, lines: Sequence[GateLine]) -> None: ...

        with pytest.raises(PluginContractError, match="belongs to the contract of gates"):
            Sink("place", Gatekeeper())


class TestOfAGate:
    def test_it_has_the_hooks_that_it_implements(self) -> None:
        class OfLines:
            @hookimpl
            def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
                return [Verdict.keep() for _ in lines]

        class OfBatches:
            @hookimpl
            async def check_batch(self) -> Verdict:
                await asyncio.sleep(0)
                return Verdict.refuse("closed", "We are closed.")

        lines, batches = Gate("lines", OfLines()), Gate("batches", OfBatches())
        assert (hasattr(lines, "check_lines"), hasattr(lines, "check_batch")) == (True, False)
        assert (hasattr(batches, "check_lines"), hasattr(batches, "check_batch")) == (False, True)
        assert lines.check_lines(LINES) == [Verdict.keep()] * 2
        assert batches.check_batch(REQUEST).code == "closed"

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (None, "check_lines must return a list of verdicts, not NoneType"),
            ([Verdict.keep(), None], "check_lines must return a list of verdicts, not list"),
            ([Verdict.keep()], "check_lines must return 2 verdicts, not list"),
            (iter([Verdict.keep()] * 2), "check_lines must return a list of verdicts"),
        ],
    )
    def test_wrong_answers_are_refused_with_its_name(self, answer: object, said: str) -> None:
        class Odd:
            @hookimpl
            def check_lines(self) -> object:
                return answer

            @hookimpl
            def check_batch(self) -> object:
                return answer

        gate = Gate("odd", Odd())
        with pytest.raises(PluginContractError, match=f"gate odd: {said}"):
            gate.check_lines(LINES)
        with pytest.raises(PluginContractError, match="check_batch must return a verdict"):
            gate.check_batch(REQUEST)

    def test_one_that_raises_or_hangs_fails(self, let_go: threading.Event) -> None:
        class Broken:
            @hookimpl
            def check_lines(self) -> None:
                sys.exit(1)

            @hookimpl
            def check_batch(self) -> None:
                let_go.wait(SOON)

        gate = Gate("broken", Broken(), deadline=0.02)
        with pytest.raises(PluginFailedError, match="check_lines failed: SystemExit: 1"):
            gate.check_lines(LINES)
        with pytest.raises(PluginFailedError, match="check_batch failed: TimeoutError: has not"):
            gate.check_batch(REQUEST)

    def test_an_async_hook_that_hangs_fails_too(self) -> None:
        class Broken:
            @hookimpl
            async def check_batch(self) -> None:
                await asyncio.Event().wait()

        with pytest.raises(PluginFailedError, match="check_batch failed: TimeoutError: has not"):
            Gate("broken", Broken(), deadline=0.02).check_batch(REQUEST)


class TestOfAnEngine:
    def test_it_calls_advance_for_what_is_dispatched(self) -> None:
        class Straight:
            @hookimpl
            async def dispatch(
                self, ids: Sequence[str], advance: Callable[[str], Awaitable[None]]
            ) -> None:
                for one in ids:
                    await advance(one)

        advanced: list[str] = []

        async def advance(one: str) -> None:
            advanced.append(one)

        async def main() -> None:
            engine = Engine("straight", Straight())
            assert not engine.serves
            await engine.dispatch(["a", "b"], advance)
            await engine.serve(advance)
            await engine.close()

        asyncio.run(main())
        assert advanced == ["a", "b"]

    def test_one_that_is_not_async_is_refused(self) -> None:
        class Old:
            @hookimpl
            def dispatch(self) -> None: ...

        async def advance(_: str) -> None: ...

        with pytest.raises(PluginContractError, match="engine old: dispatch must return something"):
            asyncio.run(Engine("old", Old()).dispatch([], advance))

    def test_what_it_raises_has_its_name_and_what_the_ledger_raises_is_left_as_it_is(self) -> None:
        class Broken:
            @hookimpl
            async def dispatch(self, ids: Sequence[str], advance: Any) -> None:
                await advance(ids[0])

        async def main(error: Exception) -> None:
            async def advance(_: str) -> None:
                raise error

            await Engine("broken", Broken()).dispatch(["a"], advance)

        with pytest.raises(PluginFailedError, match="engine broken: dispatch failed: KeyError"):
            asyncio.run(main(KeyError("a")))
        with pytest.raises(LedgerUnavailableError):
            asyncio.run(main(LedgerUnavailableError("away")))


PLACES = """
from pydantic import BaseModel
from batchyard.hookspecs import hookimpl

made = []

class Settings(BaseModel):
    url: str
    retries: int = 3

class WithSettings:
    Settings = Settings

    def __init__(self, settings):
        made.append(settings)

    @hookimpl
    def deliver(self): ...

class WithArguments:
    def __init__(self, url="none", colour="red"):
        made.append((url, colour))

    @hookimpl
    def deliver(self): ...

@hookimpl
def deliver(): ...
"""


class TestOfMaking:
    @pytest.fixture
    def registry(self, site: Site) -> Registry:
        points = "settings = places:WithSettings\narguments = places:WithArguments\nmodule = places"
        site.add("places-pkg", {"sinks": points}, {"places": PLACES})
        return Registry({})

    @pytest.fixture
    def made(self, registry: Registry) -> list[Any]:
        found: list[Any] = registry.load("sinks", "module").made
        return found

    def test_a_class_with_settings_is_made_with_them(
        self, registry: Registry, made: list[Any]
    ) -> None:
        registry.sink("settings", {"url": "https://a.test"})
        settings = made[0]
        assert isinstance(settings, BaseModel)
        registry.sink("settings", settings)
        assert made[1] is settings

    def test_another_class_is_made_with_arguments(
        self, registry: Registry, made: list[Any]
    ) -> None:
        registry.sink("arguments")
        registry.sink("arguments", {"colour": "blue"})
        assert made == [("none", "red"), ("none", "blue")]

    def test_a_module_is_used_as_it_is(self, registry: Registry) -> None:
        asyncio.run(registry.sink("module").deliver(EVENT))
        with pytest.raises(ConfigError, match=r"module \(places-pkg 1.2\) takes no settings: url"):
            registry.sink("module", {"url": "x"})

    def test_wrong_settings_are_told_without_their_values(self, registry: Registry) -> None:
        with pytest.raises(ConfigError) as caught:
            registry.sink("settings", {"url": 3, "retries": "secret"})
        said = str(caught.value)
        assert said.startswith("settings (places-pkg 1.2): url: ")
        assert "; retries: " in said
        assert "secret" not in said

    def test_arguments_that_a_class_does_not_take_are_refused(self, registry: Registry) -> None:
        with pytest.raises(PluginLoadError, match=r"arguments \(places-pkg 1.2\) cannot be made"):
            registry.sink("arguments", {"url": "x", "size": 3})

    def test_gates_and_engines_are_made_likewise(self, site: Site) -> None:
        source = """
from batchyard.hookspecs import Verdict, hookimpl

class Guard:
    def __init__(self, code):
        self.code = code

    @hookimpl
    def check_batch(self):
        return Verdict.refuse(self.code, "no")

class Motor:
    def __init__(self, context):
        self.context = context

    @hookimpl
    async def dispatch(self, ids):
        ids.append(self.context.name)
"""
        points = {"gates": "guard = motor:Guard", "engines": "motor = motor:Motor"}
        site.add("motor-pkg", points, {"motor": source})
        registry = Registry({})
        assert registry.gate("guard", {"code": "shut"}).check_batch(REQUEST).code == "shut"
        ids: list[str] = []

        async def advance(_: str) -> None: ...

        engine = registry.engine("motor", EngineContext("sqlite:///x", "here"))
        asyncio.run(engine.dispatch(ids, advance))
        assert ids == ["here"]
