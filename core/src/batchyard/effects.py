"""What a plan may ask of the outside world.

A *plan* is an ``async def`` that awaits only the effects defined here.  It does
no I/O of its own: it describes it, and a driver performs it.  So the same plan
runs under the blocking client, the async client, and the conformance kit, which
replays scripts and injects faults without a network.

Awaiting anything else (a future, ``asyncio.sleep(0)``) raises :class:`TypeError`
in both colours; what needs a running event loop even to be called raises, under
the blocking client, :class:`RuntimeError` before any driver sees it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from batchyard.sources import Source

if TYPE_CHECKING:
    from batchyard.models import Event

__all__ = [
    "Blocking",
    "Clock",
    "Effect",
    "Expiring",
    "Now",
    "Open",
    "Opened",
    "Plan",
    "Read",
    "Reply",
    "Request",
    "Send",
    "Shared",
    "Sleep",
    "Source",
    "Stream",
    "Tell",
]

T = TypeVar("T")

Plan: TypeAlias = Coroutine[Any, Any, T]
"""Ends with a ``T``."""

Stream: TypeAlias = AsyncGenerator[T, None]
"""Produces ``T`` after ``T``; the consumer sets the pace."""

MAX_REPLY = 32 * 1024 * 1024
"""Bytes a reply read whole may have: a list of 10,000 files takes about 3 MB."""


class Clock(Protocol):
    """Time, as drivers and emulators see it, so that tests can own it."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never runs backwards."""
        ...

    def sleep(self, seconds: float) -> None: ...

    async def sleep_async(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    ``timeout`` is the longest wait in seconds for the peer to make progress;
    for a request whose body is ``bytes`` it is also the longest wait for the
    whole reply.  ``None`` leaves it to the driver.  The repr shows neither
    headers, body nor query, where secrets travel.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | Source = field(default=b"", repr=False)
    timeout: float | None = None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.url.partition('?')[0]})"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply read whole.  Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A reply whose body waits to be read with :class:`Read`."""

    status: int
    headers: Mapping[str, str]
    handle: Any = field(repr=False)


class Effect(Generic[T]):
    """A request to the driver, which answers with a ``T`` or raises into the plan."""

    __slots__ = ()

    def __await__(self) -> Generator[Effect[T], T, T]:
        return (yield self)


@dataclass(frozen=True, slots=True)
class Send(Effect[Reply]):
    """Send the request and read the whole reply, of ``limit`` bytes at most.

    Raises :class:`~batchyard.errors.APIConnectionError` (or a subclass that says
    how far it got) when no whole reply arrives, whatever the status of one that does.
    """

    request: Request
    limit: int = MAX_REPLY


@dataclass(frozen=True, slots=True)
class Open(Effect[Opened]):
    """Send the request and leave the reply's body unread.

    The driver closes it: when it has been read to its end, when reading fails,
    or when the plan ends.
    """

    request: Request


@dataclass(frozen=True, slots=True)
class Read(Effect[bytes]):
    """The next piece of an opened body, or ``b""`` at its end."""

    opened: Opened


@dataclass(frozen=True, slots=True)
class Sleep(Effect[None]):
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Now(Effect[float]):
    """The time in Unix seconds, by the driver's clock."""


@dataclass(frozen=True, slots=True)
class Tell(Effect[None]):
    """Tell the listeners.  Never waits for them, and never fails."""

    event: Event


# what is generic of a T has no slots: ``Expiring[str](…)`` could not be made with them
@dataclass(frozen=True)
class Expiring(Generic[T]):
    """A shared value and for how many seconds it may be used."""

    value: T = field(repr=False)
    lifetime: float


@dataclass(frozen=True)
class Shared(Effect[T]):
    """A value that many plans share, such as a token: made once, remade when it has expired.

    ``key`` names the credential the value belongs to (a digest of it, never the
    secret), so that two accounts never share.  Plans that ask while it is being
    made wait for that one attempt and share its failure too.  ``stale`` is a
    value that turned out to be bad (a token answered with 401): it is remade
    unless another plan has replaced it already.
    """

    key: str
    make: Callable[[], Plan[Expiring[T]]] = field(repr=False)
    stale: T | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Blocking(Effect[T]):
    """Call a function that blocks: a file, a vendor's SDK.

    The async driver calls it in a worker thread, the blocking one where it stands.
    """

    function: Callable[[], T]
