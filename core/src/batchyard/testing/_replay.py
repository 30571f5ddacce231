"""The driver without a network: runs plans by script, at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, cast

from batchyard.effects import (
    Blocking,
    Clock,
    Now,
    Open,
    Opened,
    Plan,
    Read,
    Reply,
    Request,
    Send,
    Shared,
    Sleep,
    Stream,
    Tell,
)
from batchyard.errors import APIConnectionError, BatchyardError, MalformedReplyError, SourceError
from batchyard.models import Event
from batchyard.testing._clock import ManualClock
from batchyard.testing._faults import Broken, Injection, Outcome
from batchyard.testing._scenario import Exchange
from batchyard.testing._script import Script, ScriptError, Turn

__all__ = ["Player", "replay"]

MAX_EFFECTS = 5_000
"""Effects after which a plan that has not ended is taken for one that never will."""


def replay(
    plan: Plan[Any] | Stream[bytes],
    exchanges: Sequence[Exchange],
    *,
    also: Sequence[Exchange] = (),
    clock: Clock | None = None,
    injection: Injection | None = None,
) -> Any:
    """What the plan ends with, or all bytes of the stream, when the service answers by script.

    Raises what the plan raises, and :class:`ScriptError` when it sends what the
    script does not have, awaits what is no effect, or does not end.
    """
    script = Script(exchanges, also, injection)
    result = Player(script, clock).play(plan)
    if injection is None:
        script.finish()
    return result


class Player:
    """Performs effects by script.

    ``piece`` is the size in bytes of what a ``Read`` gives; all at once without one.
    """

    def __init__(
        self, script: Script, clock: Clock | None = None, piece: int | None = None
    ) -> None:
        self.script = script
        self.clock = clock or ManualClock()
        self.events: list[Event] = []
        self.bodies: list[tuple[Turn, bytes]] = []
        self._piece = piece
        self._left = MAX_EFFECTS
        self._shared: dict[str, tuple[float, Any]] = {}

    def play(self, plan: Plan[Any] | Stream[bytes]) -> Any:
        if inspect.isasyncgen(plan):
            return self._run(_whole(cast("Stream[bytes]", plan)))
        return self._run(cast("Plan[Any]", plan))

    def _run(self, plan: Coroutine[Any, Any, Any]) -> Any:
        step: Callable[[], Any] = partial(plan.send, None)
        try:
            while True:
                try:
                    effect = step()
                except StopIteration as stop:
                    return stop.value
                try:
                    step = partial(plan.send, self._perform(effect))
                except ScriptError:
                    raise
                except Exception as error:  # noqa: BLE001 - the plan decides what it can handle
                    step = partial(plan.throw, error)
        finally:
            plan.close()

    def _perform(self, effect: object) -> object:
        if self._left <= 0:
            raise ScriptError(f"the plan has not ended after {MAX_EFFECTS} effects")
        self._left -= 1
        match effect:
            case Send(request, limit):
                return self._send(request, limit)
            case Open(request):
                return self._open(request)
            case Read(opened):
                return self._read(opened)
            case Shared(key, make, stale):
                return self._share(key, make, stale)
            case Blocking(function):
                return function()
            case _:
                return self._told(effect)

    def _told(self, effect: object) -> object:
        """Time and events."""
        match effect:
            case Sleep(seconds):
                self.clock.sleep(seconds)
                return None
            case Now():
                return self.clock.now()
            case Tell(event):
                self.events.append(event)
                return None
            case _:
                kind = type(effect).__name__
                raise ScriptError(f"the plan awaited {kind}, which is not an effect")

    def _send(self, request: Request, limit: int) -> Reply:
        outcome = self._exchange(request)
        if isinstance(outcome, Broken):
            raise APIConnectionError("the reply broke off")
        if len(outcome.body) > limit:
            raise MalformedReplyError(f"the reply is larger than {limit} bytes")
        return outcome

    def _open(self, request: Request) -> Opened:
        outcome = self._exchange(request)
        reply = outcome.reply if isinstance(outcome, Broken) else outcome
        return Opened(reply.status, reply.headers, self._pieces(outcome))

    def _read(self, opened: Opened) -> bytes:
        piece: bytes = next(opened.handle, b"")
        # a body has an end of its own, however small its pieces are
        self._left += bool(piece)
        return piece

    def _exchange(self, request: Request) -> Reply | Broken:
        turn = self.script.turn(request)
        read = turn.fault.read if turn.fault else "all"
        if read == "all":
            body = b"".join(_chunks(request))
            self.bodies.append((turn, body))
            turn.check(body)
        elif read == "some":
            next(_chunks(request), b"")
        if isinstance(turn.outcome, BatchyardError):
            # as it was made, and not with the traceback of another run
            raise type(turn.outcome)(turn.outcome.message)
        return turn.outcome

    def _pieces(self, outcome: Outcome) -> Iterator[bytes]:
        broken = isinstance(outcome, Broken)
        reply = cast("Reply", outcome.reply if isinstance(outcome, Broken) else outcome)
        body = reply.body[: len(reply.body) // 2] if broken else reply.body
        size = self._piece or len(body) or 1
        for start in range(0, len(body), size):
            yield body[start : start + size]
        if broken:
            raise APIConnectionError("the reply broke off")

    def _share(self, key: str, make: Callable[[], Plan[Any]], stale: Any) -> Any:
        until, value = self._shared.get(key, (0.0, None))
        if until > self.clock.monotonic() and (stale is None or value != stale):
            return value
        made = self._run(make())
        self._shared[key] = (self.clock.monotonic() + made.lifetime, made.value)
        return made.value


def _chunks(request: Request) -> Iterator[bytes]:
    """The body as a driver reads it: as many bytes as its source said, or an error."""
    body = request.body
    if isinstance(body, bytes):
        yield body
        return
    total, length = 0, body.length
    for chunk in body.chunks():
        total += len(chunk)
        yield chunk
    if total != length:
        raise SourceError(f"the body was to have {length} bytes and had {total}")


async def _whole(stream: Stream[bytes]) -> bytes:
    return b"".join([piece async for piece in stream])
