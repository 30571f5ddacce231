"""A listener has its own thread, time and queue; whatever it does, it delays nobody."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from batchyard.hookspecs import hookimpl
from batchyard.models import Batch, BatchEvent, Event
from batchyard.registry import LIMIT, Account, Listener, Registry
from tests.registry.distributions import Site

SOON = 10.0
"""Seconds that a test waits for what takes milliseconds."""


def happened(number: int = 0, hook: str = "batch_created") -> BatchEvent:
    batch = Batch(id=f"batch-{number}")
    return BatchEvent(hook=hook, at=0.0, provider="acme", account="acme", batch=batch)


def listening(hook: Callable[..., Any], name: str = "batch_created", **options: Any) -> Listener:
    return Listener("ear", {name: hook}, **options)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "batchyard.listeners")
    return caplog


class Stuck:
    """A hook that hangs until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()
        self.heard: list[Event] = []

    def hook(self, event: Event) -> None:
        self.entered.set()
        assert self.released.wait(SOON)
        self.heard.append(event)


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    made = Stuck()
    yield made
    made.released.set()


def test_hooks_run_in_a_thread_of_their_own() -> None:
    threads = []
    ears = [listening(lambda _: threads.append(threading.current_thread())) for _ in range(2)]
    for ear in ears:
        ear.tell(happened())
        ear.tell(happened())
        assert ear.flush(SOON)
    assert threading.current_thread() not in threads
    assert len(set(threads)) == 2
    assert {thread.name for thread in threads} == {"batchyard-listener-ear"}


def test_events_are_heard_in_their_order() -> None:
    heard: list[Event] = []
    ear = listening(heard.append)
    told = [happened(number) for number in range(500)]
    for event in told:
        ear.tell(event)
    assert ear.flush(SOON)
    assert heard == told
    assert (ear.counts.told, ear.counts.failed, ear.counts.dropped) == (500, 0, 0)


def test_an_async_hook_runs_on_one_real_event_loop() -> None:
    loops = []

    async def hook(event: Event) -> None:
        await asyncio.sleep(0)
        task = asyncio.create_task(asyncio.sleep(0, event.id))
        assert await task == event.id
        loops.append(asyncio.get_running_loop())

    ear = listening(hook)
    ear.tell(happened())
    ear.tell(happened())
    assert ear.flush(SOON)
    assert len(loops) == 2
    assert loops[0] is loops[1]


def test_a_def_that_returns_something_to_await_is_awaited() -> None:
    heard: list[Event] = []

    async def hook(event: Event) -> None:
        await asyncio.sleep(0)
        heard.append(event)

    def decorated(event: Event) -> Any:
        return hook(event)

    for function in (decorated, functools.partial(hook)):
        ear = listening(function)
        ear.tell(happened())
        assert ear.flush(SOON)
    assert len(heard) == 2


def test_an_async_hook_that_takes_too_long_is_cancelled_and_the_next_event_is_heard(
    log: pytest.LogCaptureFixture,
) -> None:
    heard = []

    async def hook(event: BatchEvent) -> None:
        if event.batch.id == "batch-0":
            await asyncio.Event().wait()
        heard.append(event.batch.id)

    ear = listening(hook, deadline=0.02)
    ear.tell(happened(0))
    ear.tell(happened(1))
    assert ear.flush(SOON)
    assert heard == ["batch-1"]
    assert ear.counts.failed == 1
    assert log.messages == [
        "listener ear, batch_created: failed: TimeoutError: has not returned in 0.02 s"
    ]


def test_a_timeout_of_the_hooks_own_is_a_failure_like_any_other(
    log: pytest.LogCaptureFixture,
) -> None:
    async def hook(_: Event) -> None:
        raise TimeoutError("their server")

    ear = listening(hook)
    ear.tell(happened())
    assert ear.flush(SOON)
    assert log.messages == ["listener ear, batch_created: failed: TimeoutError: their server"]


def test_what_a_hook_raises_is_logged_once_with_its_trace_and_goes_no_further(
    log: pytest.LogCaptureFixture,
) -> None:
    def hook(_: Event) -> None:
        raise KeyError("tokens")

    ear = Listener("ear", {"batch_created": hook, "batch_failed": hook})
    for _ in range(3):
        ear.tell(happened())
        ear.tell(happened(hook="batch_failed"))
    assert ear.flush(SOON)
    assert log.messages == [
        "listener ear, batch_created: failed: KeyError: 'tokens'",
        "listener ear, batch_failed: failed: KeyError: 'tokens'",
    ]
    assert all(record.exc_info for record in log.records)
    assert (ear.counts.told, ear.counts.failed) == (0, 6)


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_a_hook_that_tries_to_end_the_process_ends_nothing(
    colour: str, error: type[BaseException], log: pytest.LogCaptureFixture
) -> None:
    heard = []

    def hook(event: BatchEvent) -> None:
        if event.batch.id == "batch-0":
            raise error
        heard.append(event.batch.id)

    async def async_hook(event: BatchEvent) -> None:
        hook(event)

    ear = listening(hook if colour == "sync" else async_hook)
    ear.tell(happened(0))
    ear.tell(happened(1))
    assert ear.flush(SOON)
    assert heard == ["batch-1"]
    assert ear.counts.failed == 1
    assert error.__name__ in log.text


def test_a_hanging_listener_delays_neither_the_caller_nor_another_listener(stuck: Stuck) -> None:
    heard: list[Event] = []
    hanging, other = listening(stuck.hook), listening(heard.append)
    for number in range(3):
        for ear in (hanging, other):
            ear.tell(happened(number))
    assert stuck.entered.wait(SOON)
    assert other.flush(SOON)
    assert len(heard) == 3
    assert not hanging.flush(0.01)
    assert hanging.counts.told == 0
    stuck.released.set()
    assert hanging.flush(SOON)
    assert hanging.counts.told == 3


def test_the_queue_is_bounded_and_what_is_dropped_is_counted_and_logged_once(
    stuck: Stuck, log: pytest.LogCaptureFixture
) -> None:
    ear = listening(stuck.hook, size=2)
    told = [happened(number) for number in range(6)]
    ear.tell(told[0])
    assert stuck.entered.wait(SOON)
    for event in told[1:]:
        ear.tell(event)
    assert ear.counts.dropped == 3
    stuck.released.set()
    assert ear.flush(SOON)
    assert stuck.heard == told[:3]
    assert (ear.counts.told, ear.counts.dropped) == (3, 3)
    assert log.messages == ["listener ear, queue: is too slow; events are dropped and counted"]


@pytest.mark.parametrize("act", ["tell", "flush"])
def test_a_def_that_hangs_past_its_deadline_is_reported_once(
    stuck: Stuck, log: pytest.LogCaptureFixture, act: str
) -> None:
    ear = listening(stuck.hook, deadline=0.0)
    ear.tell(happened())
    assert stuck.entered.wait(SOON)
    for _ in range(3):
        if act == "tell":
            ear.tell(happened())
        else:
            assert not ear.flush(0.0)
    assert log.messages == ["listener ear, batch_created: has not returned in 0 s"]


def test_flush_waits_until_all_is_told_or_the_time_is_up(stuck: Stuck) -> None:
    ear = listening(stuck.hook)
    assert ear.flush(0.0), "nothing has been told yet"
    ear.tell(happened())
    assert not ear.flush(0.0)
    releasing = threading.Timer(0.0, stuck.released.set)
    releasing.start()
    assert ear.flush(SOON)
    assert len(stuck.heard) == 1
    releasing.join()


def test_an_event_of_another_hook_is_not_told_and_starts_no_thread() -> None:
    ear = listening(lambda _: None)
    ear.tell(happened(hook="batch_failed"))
    assert not ear.hears("batch_failed")
    assert ear.flush(0.0)
    assert ear._teller._thread is None


def test_the_thread_ends_with_the_listener_once_what_was_told_is_heard(stuck: Stuck) -> None:
    threads = []
    heard = []

    def hook(event: BatchEvent) -> None:
        threads.append(threading.current_thread())
        stuck.hook(event)
        heard.append(event.batch.id)

    ear = listening(hook)
    ear.tell(happened(0))
    assert stuck.entered.wait(SOON)
    ear.tell(happened(1))
    del ear
    gc.collect()
    stuck.released.set()
    threads[0].join(SOON)
    assert not threads[0].is_alive()
    assert heard == ["batch-0", "batch-1"]


def test_many_threads_may_tell_at_once_and_nothing_is_lost() -> None:
    heard: list[Event] = []
    ear = listening(heard.append, size=10_000)
    start = threading.Barrier(4)

    def teller() -> None:
        start.wait(SOON)
        for number in range(250):
            ear.tell(happened(number))

    tellers = [threading.Thread(target=teller) for _ in range(4)]
    for one in tellers:
        one.start()
    for one in tellers:
        one.join(SOON)
    assert ear.flush(SOON)
    assert len({event.id for event in heard}) == 1000


class Ear:
    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def batch_created(self, event: BatchEvent) -> None:
        self.heard.append(event.batch.id)

    @hookimpl
    async def batch_success(self) -> None:
        self.heard.append("success, without looking at the event")


class BrokenEar:
    @hookimpl
    def batch_created(self) -> None:
        sys.exit(1)


class TestOfAnAccount:
    @pytest.fixture(autouse=True)
    def acme(self, site: Site) -> None:
        site.provider()

    def account(self, *listeners: object) -> Account:
        # without the listener that core brings
        return Registry({LIMIT: "acme"}).account("acme", {"key": "k"}, listeners=listeners)

    def test_each_is_told_whatever_the_others_do(self, log: pytest.LogCaptureFixture) -> None:
        first, last = Ear(), Ear()
        account = self.account(first, BrokenEar(), last)
        account.tell(happened(1))
        account.tell(happened(hook="batch_success"))
        account.flush()
        assert first.heard == last.heard == ["batch-1", "success, without looking at the event"]
        assert log.messages == ["listener BrokenEar, batch_created: failed: SystemExit: 1"]

    def test_a_class_is_made_as_one_that_is_installed_would_be(self) -> None:
        assert self.account(Ear).hears("batch_created")

    def test_an_account_hears_what_any_of_its_listeners_hears(self) -> None:
        account = self.account(Ear())
        assert account.hears("batch_created")
        assert not account.hears("batch_failed")
        assert not self.account().hears("batch_created")

    def test_flush_has_one_deadline_for_all(
        self, monkeypatch: pytest.MonkeyPatch, stuck: Stuck
    ) -> None:
        monkeypatch.setattr("batchyard.registry._account.DEADLINE", 0.05)
        waits = []
        given = Listener.flush

        def flush(ear: Listener, timeout: float) -> bool:
            waits.append(timeout)
            return given(ear, timeout)

        monkeypatch.setattr(Listener, "flush", flush)

        class Hanging:
            @hookimpl
            def batch_created(self, event: BatchEvent) -> None:
                stuck.hook(event)

        account = self.account(Hanging(), Hanging(), Hanging())
        account.tell(happened())
        account.flush()
        assert waits[0] <= 0.05
        assert waits[1:] == [0.0, 0.0]

    def test_a_listener_may_say_that_it_needs_no_totals(self) -> None:
        class Content(Ear):
            needs_totals = False

        assert self.account(Ear()).needs_totals("batch_success")
        assert not self.account(Content()).needs_totals("batch_success")
        assert self.account(Content(), Ear()).needs_totals("batch_success")
        assert not self.account(Ear()).needs_totals("batch_failed"), "nobody hears it"


class TestOfAnObserver:
    @pytest.fixture
    def account(self, site: Site) -> Account:
        site.provider()
        return Registry({LIMIT: "acme"}).account("acme", {"key": "k"})

    def test_a_function_hears_every_event_until_it_is_stopped(self, account: Account) -> None:
        heard: list[Event] = []
        observation = account.observe(heard.append)
        told = [happened(hook=hook) for hook in ("batch_created", "batch_stalled", "request_sent")]
        for event in told:
            account.tell(event)
        account.flush()
        observation.stop()
        observation.stop()
        account.tell(happened())
        assert observation.flush(SOON)
        assert heard == told
        assert observation.counts.told == 3
        assert not account.hears("batch_created")

    def test_an_async_function_is_awaited(self, account: Account) -> None:
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            await asyncio.sleep(0)
            heard.append(event)

        with account.observe(hear):
            account.tell(happened())
            account.flush()
        assert len(heard) == 1
        assert not account.hears("batch_created")

    def test_one_that_hangs_or_raises_disturbs_neither_the_account_nor_another(
        self, account: Account, stuck: Stuck, log: pytest.LogCaptureFixture
    ) -> None:
        heard: list[Event] = []

        def broken(_: Event) -> None:
            raise KeyError("tokens")

        account.observe(stuck.hook)
        failing = account.observe(broken)
        other = account.observe(heard.append)
        account.tell(happened())
        assert other.flush(SOON)
        assert failing.flush(SOON)
        assert len(heard) == 1
        assert "broken, batch_created: failed: KeyError: 'tokens'" in log.text

    def test_the_same_function_may_observe_twice_and_each_is_stopped_by_itself(
        self, account: Account
    ) -> None:
        heard: list[Event] = []
        first, second = account.observe(heard.append), account.observe(heard.append)
        first.stop()
        account.tell(happened())
        assert second.flush(SOON)
        assert len(heard) == 1

    def test_no_thread_is_started_before_the_first_event(self, account: Account) -> None:
        before = threading.active_count()
        account.observe(print)
        assert threading.active_count() == before

    def test_a_function_may_say_that_it_needs_no_totals(self, account: Account) -> None:
        def hear(event: Event) -> None: ...

        hear.needs_totals = False  # type: ignore[attr-defined]  # a function takes attributes
        account.observe(hear)
        assert not account.needs_totals("batch_success")
        account.observe(print)
        assert account.needs_totals("batch_success")
