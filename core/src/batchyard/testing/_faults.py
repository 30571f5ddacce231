"""What can go wrong with one exchange."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from batchyard.effects import Reply, Request
from batchyard.errors import (
    APIConnectionError,
    APITimeoutError,
    BatchyardError,
    ConnectionRefusedByPeerError,
)
from batchyard.testing._scenario import Scenario

__all__ = [
    "AMBIGUOUS",
    "FAULTS",
    "GARBLED",
    "Broken",
    "Fault",
    "Injection",
    "Outcome",
    "fault",
    "injections",
]


@dataclass(frozen=True, slots=True)
class Broken:
    """A reply that breaks off half-way."""

    reply: Reply


Outcome: TypeAlias = Reply | Broken | BatchyardError
"""What becomes of a request."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong.

    ``ambiguous``: the service may have carried the request out all the same.
    ``noticed``: what the plan then ends with must be the right result or an
    error; otherwise a tolerant reading of the reply will do.  ``fits`` says
    which replies can go wrong like this, ``read`` how much of the request's
    body the service takes, and ``ranges`` whether it honours ``Range`` afterwards.
    """

    make: Callable[[Request, Reply], Outcome]
    ambiguous: bool = False
    noticed: bool = True
    fits: Callable[[Reply], bool] = field(default=lambda _: True)
    read: str = "all"
    ranges: bool = True


@dataclass(frozen=True, slots=True)
class Injection:
    """The fault of that name at the exchange with index ``at``, once or for ever.

    Afterwards the service works: what fits the script or the scenario's ``also``
    is answered as they say, and anything else with 404.
    """

    fault: str
    at: int = 0
    for_ever: bool = False

    def __str__(self) -> str:
        often = "for ever" if self.for_ever else "once"
        return f"the fault {self.fault}, {often}, at exchange {self.at}"


def _always(outcome: Outcome) -> Callable[[Request, Reply], Outcome]:
    return lambda _request, _reply: outcome


def _status(
    status: int, body: bytes = b"no", headers: Mapping[str, str] | None = None
) -> Callable[[Request, Reply], Outcome]:
    return _always(Reply(status, headers or {}, body))


def _body(make: Callable[[bytes], bytes]) -> Callable[[Request, Reply], Outcome]:
    return lambda _, reply: replace(reply, body=make(reply.body))


def _is_json(reply: Reply) -> bool:
    try:
        return isinstance(json.loads(reply.body), dict | list)
    except ValueError:
        return False


def _value(body: bytes) -> Any:
    """The body's JSON; a list for one that is a part of a document, cut by a range."""
    try:
        return json.loads(body)
    except ValueError:
        return []


def _other_type(body: bytes) -> bytes:
    return b"[]" if isinstance(_value(body), dict) else b'{"odd": 1}'


def _odd_values(body: bytes) -> bytes:
    """The same keys, with values of types that nobody documented."""
    value = _value(body)
    if isinstance(value, list):
        return b'[7, null, "odd", []]'
    return json.dumps({key: _odd(one) for key, one in value.items()}).encode()


def _odd(value: Any) -> Any:
    return {"odd": [1]} if isinstance(value, str | list | int | float) else "odd"


def _echo(request: Request) -> str:
    headers = ", ".join(f"{name}: {value}" for name, value in request.headers.items())
    return f"bad request: {request.method} {request.url} {headers}"


def _echoed_as_json(request: Request, _: Reply) -> Outcome:
    text = _echo(request)
    error = {"message": text, "code": text, "type": text, "param": text}
    return Reply(400, {}, json.dumps({"error": error, "message": text}).encode())


def _echoed_as_text(request: Request, _: Reply) -> Outcome:
    # credentials without end: wherever a message is cut, it is cut within one
    values = max(request.headers.values(), key=len, default="") * 100
    return Reply(400, {}, f"{_echo(request)} {values}".encode())


def _quota() -> bytes:
    error = {"message": "out of money", "code": "insufficient_quota", "type": "insufficient_quota"}
    return json.dumps({"error": error}).encode()


_HTML = b"<!doctype html><html><body>Something went wrong.</body></html>"

_FAULTS: dict[str, Fault] = {
    "refused": Fault(_always(ConnectionRefusedByPeerError("no connection")), read="nothing"),
    "reset": Fault(_always(APIConnectionError("reset")), ambiguous=True, read="some"),
    "timeout": Fault(_always(APITimeoutError("too slow")), ambiguous=True),
    "truncated": Fault(lambda _, reply: Broken(reply), ambiguous=True),
    "truncated-without-ranges": Fault(lambda _, reply: Broken(reply), ambiguous=True, ranges=False),
    "302": Fault(_status(302, headers={"location": "https://login.example/"})),
    "401": Fault(_status(401, b'{"error": "who are you"}')),
    "403": Fault(_status(403)),
    "404": Fault(_status(404)),
    "408": Fault(_status(408), ambiguous=True),
    "409": Fault(_status(409), ambiguous=True),
    "429": Fault(_status(429, b"slow down", {"retry-after": "1"})),
    "429-for-a-day": Fault(_status(429, b"slow down", {"retry-after": "86400"})),
    "429-quota": Fault(_status(429, _quota())),
    "500-html": Fault(_status(500, _HTML, {"content-type": "text/html"}), ambiguous=True),
    "503": Fault(_status(503, b""), ambiguous=True),
    "status-299": Fault(lambda _, reply: replace(reply, status=299)),
    "echo-json": Fault(_echoed_as_json),
    "echo-text": Fault(_echoed_as_text),
    "not-json": Fault(_body(lambda _: _HTML), ambiguous=True, fits=_is_json),
    "empty-json": Fault(_body(lambda _: b"{}"), ambiguous=True, fits=_is_json),
    "wrong-json": Fault(_body(_other_type), ambiguous=True, fits=_is_json),
    "odd-values": Fault(_body(_odd_values), ambiguous=True, noticed=False, fits=_is_json),
    "no-headers": Fault(
        lambda _, reply: replace(reply, headers={}), fits=lambda reply: bool(reply.headers)
    ),
}

FAULTS: tuple[str, ...] = tuple(_FAULTS)
"""The names of all faults."""

GARBLED = frozenset({"not-json", "empty-json", "wrong-json"})
"""Those that only a reader who understands the reply can see."""

AMBIGUOUS: tuple[str, ...] = tuple(name for name, one in _FAULTS.items() if one.ambiguous)
"""Those after which a request may have been carried out."""


def fault(name: str) -> Fault:
    return _FAULTS[name]


def injections(scenario: Scenario, names: Sequence[str] = FAULTS) -> Iterator[Injection]:
    """Every fault that each exchange can have, once and for ever."""
    for at, exchange in enumerate(scenario.exchanges):
        for name in names:
            if exchange.empty_is_right and name == "empty-json":
                continue
            if fault(name).fits(exchange.reply):
                yield Injection(name, at)
                yield Injection(name, at, for_ever=True)
