from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from batchyard.drivers import AsyncDriver, Driver
from batchyard.effects import Blocking, Expiring, Now, Plan, Request, Send, Shared
from batchyard.errors import AuthenticationError, BatchyardError, ConnectionRefusedByPeerError
from batchyard.testing import ManualClock
from tests.drivers.faces import PLAIN, Face, OpenFace, account
from tests.drivers.site import Exchange, Site, hanging, nobody, saying


async def slow_token(exchange: Exchange) -> None:
    """Suspends, as every real service does: else all single-flight tests pass by luck."""
    await asyncio.sleep(0.05)
    await exchange.reply(200, f"token-{exchange.seen.target[1:]}".encode())


def token(url: str, lifetime: float = 3600) -> Callable[[], Plan[Expiring[str]]]:
    async def make() -> Expiring[str]:
        reply = await Send(Request("POST", url))
        if reply.status != 200:
            raise AuthenticationError("no token", status=reply.status)
        return Expiring(reply.body.decode(), lifetime)

    return make


def shared(
    key: str, make: Callable[[], Plan[Expiring[str]]], stale: str | None = None
) -> Shared[str]:
    return Shared(key, make, stale)


async def ask(url: str, key: str = "one", stale: str | None = None, lifetime: float = 3600) -> str:
    return await shared(key, token(url, lifetime), stale)


def test_twenty_plans_that_ask_at_once_make_one_request(face: Face) -> None:
    with Site(slow_token) as site:
        assert face.together([ask(f"{site.url}/1") for _ in range(20)]) == ["token-1"] * 20
        assert len(site.requests) == 1
        assert face.run(ask(f"{site.url}/2")) == "token-1"
        assert len(site.requests) == 1


def test_those_who_waited_share_the_failure_and_the_next_tries_again(face: Face) -> None:
    begun = threading.Semaphore(0)

    async def refuse(exchange: Exchange) -> None:
        for _ in range(20):
            await asyncio.to_thread(begun.acquire, timeout=5)
        # the last has begun, and is a few instructions away from waiting
        await asyncio.sleep(0.1)
        await exchange.reply(401)

    async def plan(url: str) -> str:
        begun.release()
        return await ask(url)

    with Site(refuse) as site:
        failures = face.together([plan(site.url) for _ in range(20)])
        assert {type(failure) for failure in failures} == {AuthenticationError}
        assert len(site.requests) == 1
        site.handler = saying(b"better")
        assert face.run(ask(site.url)) == "better"


def test_a_value_is_made_again_when_the_clock_says_that_it_has_expired(
    open_face: OpenFace,
) -> None:
    clock = ManualClock()
    face = open_face(PLAIN, clock)
    with Site(slow_token) as site:
        assert face.run(ask(f"{site.url}/1", lifetime=60)) == "token-1"
        clock.advance(59.9)
        assert face.run(ask(f"{site.url}/2", lifetime=60)) == "token-1"
        clock.advance(0.1)
        assert face.run(ask(f"{site.url}/3", lifetime=60)) == "token-3"


def test_a_stale_value_is_made_again_once(face: Face) -> None:
    with Site(slow_token) as site:
        assert face.run(ask(f"{site.url}/1")) == "token-1"
        again = [ask(f"{site.url}/2", stale="token-1") for _ in range(20)]
        assert face.together(again) == ["token-2"] * 20
        # one that found out later, and whose bad value has been replaced already
        assert face.run(ask(f"{site.url}/3", stale="token-1")) == "token-2"
        assert site.heads == ["POST /1", "POST /2"]


def test_two_keys_do_not_share(face: Face) -> None:
    with Site(slow_token) as site:
        tokens = face.together([ask(f"{site.url}/{key}", key) for key in ("a", "b", "a", "b")])
        assert tokens == ["token-a", "token-b", "token-a", "token-b"]
        assert len(site.requests) == 2


def test_a_value_may_be_made_of_another_shared_one(face: Face) -> None:
    async def derived(url: str) -> Expiring[str]:
        return Expiring(f"{await ask(url, 'inner')}+", 60)

    async def plan(url: str) -> str:
        return await shared("outer", lambda: derived(url))

    with Site(slow_token) as site:
        made = face.together([plan(f"{site.url}/1") for _ in range(4)])
        assert made == ["token-1+"] * 4
        assert len(site.requests) == 1


def test_the_drivers_of_one_account_share_its_values_and_accounts_do_not() -> None:
    mine, other = account(), account()
    with Site(slow_token) as site:
        with Driver(mine, PLAIN) as driver:
            assert driver.run(ask(f"{site.url}/1")) == "token-1"
        second = AsyncDriver(mine, PLAIN)
        assert asyncio.run(second.run(ask(f"{site.url}/2"))) == "token-1"
        with Driver(other, PLAIN) as driver:
            assert driver.run(ask(f"{site.url}/3")) == "token-3"


def test_when_the_maker_is_cancelled_another_makes_it() -> None:
    async def main(site: Site) -> list[str | BaseException]:
        driver = AsyncDriver(account(), PLAIN)
        maker = asyncio.ensure_future(driver.run(ask(f"{site.url}/1")))
        waiting = [asyncio.ensure_future(driver.run(ask(f"{site.url}/2"))) for _ in range(5)]
        await asyncio.to_thread(site.wait_until_asked)
        site.handler = slow_token
        maker.cancel()
        return await asyncio.gather(maker, *waiting, return_exceptions=True)

    with Site(hanging) as site:
        made, *others = asyncio.run(main(site))
        assert isinstance(made, asyncio.CancelledError)
        assert others == ["token-2"] * 5
        assert site.heads == ["POST /1", "POST /2"]


def test_when_one_who_waits_is_cancelled_the_others_get_the_value() -> None:
    async def main(site: Site) -> list[str | BaseException]:
        driver = AsyncDriver(account(), PLAIN)
        running = [asyncio.ensure_future(driver.run(ask(f"{site.url}/1"))) for _ in range(3)]
        await asyncio.to_thread(site.wait_until_asked)
        running[1].cancel()
        return await asyncio.gather(*running, return_exceptions=True)

    with Site(slow_token) as site:
        first, cancelled, last = asyncio.run(main(site))
    assert (first, last) == ("token-1", "token-1")
    assert isinstance(cancelled, asyncio.CancelledError)


def test_when_the_thread_that_makes_it_is_interrupted_another_makes_it() -> None:
    begun, interrupted = threading.Event(), threading.Event()
    attempts: list[int] = []

    async def make() -> Expiring[str]:
        attempts.append(1)
        if len(attempts) == 1:
            await Blocking(begun.set)
            await Blocking(lambda: interrupted.wait(5))
            raise KeyboardInterrupt
        return Expiring("made", 60)

    async def plan() -> str:
        return await shared("one", make)

    with Driver(account(), PLAIN) as driver:
        outcomes: dict[str, object] = {}

        def run(name: str) -> None:
            try:
                outcomes[name] = driver.run(plan())
            except KeyboardInterrupt:
                outcomes[name] = "interrupted"

        first = threading.Thread(target=run, args=("first",))
        second = threading.Thread(target=run, args=("second",))
        first.start()
        begun.wait(5)
        second.start()
        interrupted.set()
        first.join(5)
        second.join(5)
    assert outcomes == {"first": "interrupted", "second": "made"}


def test_what_fails_while_it_is_made_names_the_account(face: Face) -> None:
    with nobody() as url, pytest.raises(ConnectionRefusedByPeerError) as caught:
        face.run(ask(url))
    assert caught.value.account == "acme-eu"


def test_a_maker_that_breaks_its_promise_hangs_nobody(face: Face) -> None:
    async def make() -> Expiring[str]:
        await Now()
        return "not expiring"  # type: ignore[return-value]

    async def plan() -> str:
        return await shared("one", make)

    for failure in face.together([plan() for _ in range(3)]):
        assert isinstance(failure, AttributeError)
        assert not isinstance(failure, BatchyardError)


def test_values_and_makers_are_not_shown() -> None:
    effect = Shared("digest", token("https://sso.example/secret-path"), "secret-token")
    assert "secret" not in repr(effect) + repr(Expiring("secret-token", 60))
