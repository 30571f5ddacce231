from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import aclosing

import pytest

from batchyard.drivers import AsyncDriver, Driver
from batchyard.effects import Now, Open, Plan, Read, Reply, Request, Send, Sleep, Stream
from tests.drivers.faces import PLAIN, Face, OpenFace, account
from tests.drivers.site import Exchange, Site, hanging, head, saying


async def endless(exchange: Exchange) -> None:
    """A body that begins and does not end until the reader has gone."""
    await exchange.raw(head(200, {"content-length": "1000000"}) + b"first")
    await exchange.until_gone()


async def send(url: str) -> Reply:
    return await Send(Request("GET", url))


async def read(url: str) -> Stream[bytes]:
    reply = await Open(Request("GET", url))
    while piece := await Read(reply):
        yield piece


def test_a_reply_left_unread_is_closed_with_the_plan(face: Face) -> None:
    async def plan(url: str) -> bytes:
        return await Read(await Open(Request("GET", url)))

    with Site(endless) as site:
        assert face.run(plan(site.url)) == b"first"
        site.wait_until_closed()


def test_a_reply_is_closed_when_the_plan_fails(face: Face) -> None:
    async def plan(url: str) -> None:
        await Open(Request("GET", url))
        raise ValueError("the plan's own")

    with Site(endless) as site:
        with pytest.raises(ValueError, match="own"):
            face.run(plan(site.url))
        site.wait_until_closed()


def test_an_iterator_closed_early_ends_the_stream_and_closes_its_reply(face: Face) -> None:
    ended: list[str] = []

    async def stream(url: str) -> Stream[bytes]:
        try:
            async with aclosing(read(url)) as inner:
                async for piece in inner:
                    yield piece
        finally:
            # effects are in order even now
            ended.append(f"at {await Now() > 0}")

    with Site(endless) as site:
        pieces = face.stream(stream(site.url))
        assert next(pieces) == b"first"
        pieces.close()  # type: ignore[attr-defined]  # it is a generator
        assert ended == ["at True"]
        site.wait_until_closed()


def test_a_stream_that_was_never_begun_is_not_begun_by_closing_it(face: Face) -> None:
    with Site(endless) as site:
        face.stream(read(site.url)).close()  # type: ignore[attr-defined]  # it is a generator
        assert site.requests == []


def test_connections_go_back_to_the_pool(face: Face) -> None:
    with Site(saying(b"x" * 200_000)) as site:
        for _ in range(5):
            face.run(send(site.url))
            assert len(b"".join(face.stream(read(site.url)))) == 200_000
        assert site.connections == 1


def is_cancelled(site: Site, plan: Plan[object]) -> bool:
    """Cancel the plan when its request has arrived; whether it ends as cancelled."""

    async def main() -> bool:
        task = asyncio.ensure_future(AsyncDriver(account(), PLAIN).run(plan))
        await asyncio.to_thread(site.wait_until_asked)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    return asyncio.run(main())


@pytest.mark.parametrize("handler", [hanging, endless])
def test_a_cancelled_plan_closes_its_connection(
    handler: Callable[[Exchange], Plan[None]],
) -> None:
    ended: list[str] = []

    async def plan(url: str) -> None:
        try:
            reply = await Open(Request("GET", url))
            while True:
                await Read(reply)
        finally:
            await Sleep(0)
            ended.append("cleaned up")

    with Site(handler) as site:
        assert is_cancelled(site, plan(site.url))
        assert ended == ["cleaned up"]
        site.wait_until_closed()


def test_a_cancelled_plan_is_not_told_of_an_error_it_might_handle() -> None:
    async def plan(url: str) -> str:
        try:
            await Send(Request("GET", url))
        except Exception:  # noqa: BLE001 - as broad as a plan may be
            return "handled"
        return "answered"

    with Site(hanging) as site:
        assert is_cancelled(site, plan(site.url))


def test_a_stream_cancelled_in_the_middle_of_a_step_ends_as_cancelled() -> None:
    ended: list[str] = []

    async def stream(url: str) -> Stream[bytes]:
        try:
            async with aclosing(read(url)) as inner:
                async for piece in inner:
                    yield piece
        finally:
            ended.append(f"at {await Now() > 0}")

    async def main(url: str) -> bool:
        driver, got = AsyncDriver(account(), PLAIN), asyncio.Event()

        async def consume() -> None:
            async for _ in driver.stream(stream(url)):
                got.set()

        task = asyncio.ensure_future(consume())
        await got.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        await driver.close()
        return task.cancelled()

    with Site(endless) as site:
        assert asyncio.run(main(site.url))
        assert ended == ["at True"]
        site.wait_until_closed()


def test_an_interrupt_passes_through_the_plan_and_closes_its_reply() -> None:
    seen: list[str] = []

    class Interrupting:
        length = 1

        def chunks(self) -> list[bytes]:
            raise KeyboardInterrupt

    async def plan(url: str) -> None:
        await Open(Request("GET", url))
        try:
            await Send(Request("POST", url, {}, Interrupting()))  # type: ignore[arg-type]
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    with Site(endless) as site:
        with Driver(account(), PLAIN) as driver, pytest.raises(KeyboardInterrupt):
            driver.run(plan(site.url))
        assert seen == ["KeyboardInterrupt"]
        site.wait_until_closed()


def test_one_driver_serves_many_threads_at_once(open_face: OpenFace) -> None:
    all_are_here = asyncio.Barrier(8)

    async def echo(exchange: Exchange) -> None:
        await all_are_here.wait()
        await exchange.reply(200, exchange.seen.target.encode())

    async def plan(url: str) -> bytes:
        return (await Send(Request("GET", url))).body

    with Site(echo) as site:
        replies = open_face(PLAIN).together([plan(f"{site.url}/{n}") for n in range(8)])
        assert replies == [f"/{n}".encode() for n in range(8)]
        assert site.connections == 8


def test_one_event_loop_may_follow_another() -> None:
    driver = AsyncDriver(account(), PLAIN)
    with Site(saying(b"")) as site:
        for _ in range(3):
            assert asyncio.run(driver.run(send(site.url))).status == 200
            # a loop takes its connections with it, though nobody closed the driver
            site.wait_until_closed()
            gc.collect()
        assert site.connections == 3


def test_a_driver_forgotten_without_being_closed_leaves_no_connection() -> None:
    async def main(url: str) -> None:
        await AsyncDriver(account(), PLAIN).run(send(url))
        gc.collect()
        await asyncio.to_thread(site.wait_until_closed)

    with Site(saying(b"")) as site:
        asyncio.run(main(site.url))
