"""The service's side of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from batchyard.effects import Reply, Request
from batchyard.testing._faults import Fault, Injection, Outcome, fault
from batchyard.testing._scenario import Exchange

__all__ = ["Script", "ScriptError", "Turn"]

UNKNOWN = Reply(404, {}, b"{}")
"""The answer, once a fault has happened, to what nobody scripted."""


class ScriptError(AssertionError):
    """The plan did what its scenario does not say, or what no plan may do."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A request, and what became of it.

    ``index`` is that of the exchange in the script; ``None`` for any other.
    """

    request: Request
    outcome: Outcome
    index: int | None = None
    exchange: Exchange | None = None
    fault: Fault | None = None

    @property
    def answered(self) -> bool:
        """Whether the service did as it was asked, and the plan can know."""
        return self.fault is None and isinstance(self.outcome, Reply) and self.outcome.status < 300

    def check(self, body: bytes) -> None:
        """Refuse a body of which the exchange says that it is wrong."""
        wanted = self.exchange.body if self.exchange else None
        if wanted is not None and not wanted(body):
            raise ScriptError(f"the body of {self.request} is wrong: {body[:1000]!r}")


class Script:
    """Answers requests in the order of the exchanges.

    Until a fault has happened the order is strict.  From then on the plan may go
    back to any earlier exchange (a retry, an upload begun anew), and go on from there.
    """

    def __init__(
        self,
        exchanges: Sequence[Exchange],
        also: Sequence[Exchange] = (),
        injection: Injection | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._also = also
        self._injection = injection
        self._fault = fault(injection.fault) if injection else None
        self._next = 0
        self._disturbed = False
        self.turns: list[Turn] = []

    def turn(self, request: Request) -> Turn:
        """What becomes of the request."""
        turn = self._turn(request)
        self.turns.append(turn)
        return turn

    def disturb(self) -> None:
        """From now on, answer what nobody scripted."""
        self._disturbed = True

    def finish(self) -> None:
        """Refuse an end before the script's own."""
        if self._next < len(self._exchanges):
            raise ScriptError(
                f"the plan ended before exchange {self._next}, {self._awaited()}, took place"
            )

    def _turn(self, request: Request) -> Turn:
        index = self._index(request)
        if index is not None:
            return self._scripted(request, index)
        for exchange in self._also:
            if exchange.fits(request):
                return Turn(request, exchange.reply, exchange=exchange)
        earlier = self._earlier(request)
        if earlier is not None:
            return self._scripted(request, earlier)
        if not self._disturbed:
            raise ScriptError(
                f"the plan sent {request.method} {request.url} in place of exchange "
                f"{self._next}, {self._awaited()}"
            )
        return Turn(request, UNKNOWN)

    def _index(self, request: Request) -> int | None:
        awaited = self._exchanges[self._next : self._next + 1]
        return self._next if awaited and awaited[0].fits(request) else None

    def _earlier(self, request: Request) -> int | None:
        if not self._disturbed:
            return None
        before = range(self._next - 1, -1, -1)
        return next((one for one in before if self._exchanges[one].fits(request)), None)

    def _scripted(self, request: Request, index: int) -> Turn:
        exchange = self._exchanges[index]
        reply = self._ranged(request, exchange.reply)
        happens = self._happens(index)
        if happens is not None:
            self._next, self._disturbed = index, True
            return Turn(request, happens.make(request, reply), index, exchange, happens)
        self._next = index + 1
        return Turn(request, reply, index, exchange)

    def _happens(self, index: int) -> Fault | None:
        injection = self._injection
        if injection is None or index != injection.at:
            return None
        return self._fault if injection.for_ever or not self._disturbed else None

    def _ranged(self, request: Request, reply: Reply) -> Reply:
        """The rest of a body that broke off, for a service that honours ``Range``."""
        begin = request.headers.get("range", "").removeprefix("bytes=").removesuffix("-")
        honours = self._disturbed and self._fault is not None and self._fault.ranges
        if not (honours and reply.status == 200 and begin.isdigit()):
            return reply
        total, start = len(reply.body), int(begin)
        if start >= total:
            return Reply(416, {"content-range": f"bytes */{total}"}, b"")
        headers = {**reply.headers, "content-range": f"bytes {start}-{total - 1}/{total}"}
        if "content-length" in headers:
            headers["content-length"] = str(total - start)
        return replace(reply, status=206, headers=headers, body=reply.body[start:])

    def _awaited(self) -> str:
        awaited = self._exchanges[self._next : self._next + 1]
        return repr(awaited[0].pattern) if awaited else "the end of the script"
