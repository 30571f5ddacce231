from __future__ import annotations

import asyncio
import logging

import pytest

from batchyard.hookspecs import EngineContext
from batchyard.ledger.engines import Local
from batchyard.registry import Registry
from tests.ledger.engines.conftest import Work

NAMES = [f"batch_{number}" for number in range(50)]


def local(concurrency: int = 4) -> Local:
    return Local(EngineContext("sqlite:////none.db", "a-process", concurrency))


def test_the_engine_is_a_plugin_like_any_other() -> None:
    context = EngineContext("sqlite:////none.db", "a-process")
    assert isinstance(Registry({}).plugin("engines", "local", context), Local)


def test_every_id_is_advanced_and_no_more_at_a_time_than_allowed(work: Work) -> None:
    async def main() -> None:
        engine = local(4)
        work.gate.clear()
        await engine.dispatch(NAMES, work.advance)
        await work.until(lambda: work.most == 4)
        await engine.dispatch(NAMES[40:], work.advance)
        work.gate.set()
        await engine.idle()

    asyncio.run(main())
    assert work.done == dict.fromkeys(NAMES, 1)
    assert work.most == 4


def test_an_id_is_never_advanced_twice_at_a_time_but_once_more_if_it_is_dispatched_meanwhile(
    work: Work,
) -> None:
    async def main() -> None:
        engine = local(4)
        work.gate.clear()
        await engine.dispatch(["a", "a"], work.advance)
        await work.until(lambda: work.began["a"] == 1)
        for _ in range(100):
            await engine.dispatch(["a"], work.advance)
        await engine.dispatch(["b"], work.advance)
        await work.until(lambda: work.began["b"] == 1)
        work.gate.set()
        await engine.idle()

    asyncio.run(main())
    assert work.done == {"a": 2, "b": 1}
    assert not work.twice


@pytest.mark.parametrize("error", [RuntimeError("no"), asyncio.CancelledError("not ours")])
def test_an_advance_that_raises_is_logged_and_stops_nobody(
    work: Work, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        engine = local(1)
        work.bad["b"] = error
        await engine.dispatch(["a", "b", "c"], work.advance)
        await engine.idle()
        work.bad.clear()
        await engine.dispatch(["b"], work.advance)
        await engine.idle()

    with caplog.at_level(logging.ERROR, logger="batchyard.ledger.engines"):
        asyncio.run(main())
    assert work.done == {"a": 1, "b": 1, "c": 1}
    assert caplog.messages == ["b could not be advanced"]


def test_close_waits_for_what_runs_and_forgets_what_waits(work: Work) -> None:
    async def main() -> None:
        engine = local(1)
        work.gate.clear()
        await engine.dispatch(["a", "b"], work.advance)
        await work.until(lambda: work.began["a"] == 1)
        closing = asyncio.create_task(engine.close())
        await asyncio.sleep(0)
        await engine.dispatch(["c"], work.advance)
        assert not closing.done()
        work.gate.set()
        await closing

    asyncio.run(main())
    assert work.done == {"a": 1}


def test_a_close_that_is_given_up_ends_what_runs(work: Work) -> None:
    async def main() -> set[str]:
        engine = local(1)
        work.gate.clear()
        await engine.dispatch(["a"], work.advance)
        await work.until(lambda: work.began["a"] == 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.close(), 0.01)
        await engine.idle()
        return {task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}}

    assert asyncio.run(main()) == set()
    assert not work.done
