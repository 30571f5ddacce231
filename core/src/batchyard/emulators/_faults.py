from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from batchyard.emulators._actions import (
    Action,
    Hang,
    Lost,
    Replace,
    Reset,
    Slow,
    Status,
    Truncate,
)
from batchyard.emulators._requests import path_pattern

_FORM = (
    "METHOD PATH ACTION [times=N|always] [skip=N] [HEADER=VALUE …], where ACTION is a status, "
    "reset, lost, hang[=SECONDS], truncate=BYTES, slow[=SECONDS], malformed or empty, "
    "and HEADER is retry-after or one that begins with retry- or x-"
)
_METHODS = frozenset({"*", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})
_HEADER = re.compile(r"(retry|x)-[a-z0-9-]+")

_BARE: dict[str, Callable[[], Action]] = {
    "reset": Reset,
    "lost": Lost,
    "hang": Hang,
    "slow": Slow,
    "malformed": lambda: Replace(b'{"id": "obj_1", "object": '),
    "empty": lambda: Replace(b"{}"),
}
_VALUED: dict[str, Callable[[str], Action]] = {
    "hang": lambda value: Hang(float(value)),
    "slow": lambda value: Slow(float(value)),
    "truncate": lambda value: Truncate(_count(value)),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong for the requests it matches.

    `path` is a glob (`*` within a segment, `**` across); `method` may be `*`. The first `skip`
    matches pass unharmed, then `times` are hit (None: all of them).
    """

    method: str
    path: str
    action: Action
    times: int | None = 1
    skip: int = 0

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read a fault such as `POST /v1/batches 429 times=2 retry-after=1`.

        `ValueError` says what is wrong and shows the form.
        """
        words = text.split()
        if len(words) < 3:
            _refuse(text, "it needs a method, a path and an action")
        method, path, action, *settings = words
        if method.upper() not in _METHODS:
            _refuse(text, f"{method!r} is not a method")
        if not path.startswith(("/", "*")):
            _refuse(text, f"the path {path!r} does not begin with a slash")
        times: int | None = 1
        skip = 0
        headers: dict[str, str] = {}
        for name, value in (_setting(text, word) for word in settings):
            if name == "times":
                times = None if value == "always" else _number(text, name, value)
            elif name == "skip":
                skip = _number(text, name, value)
            else:
                headers[name] = value
        return cls(method.upper(), path, _action(text, action, headers), times, skip)


class ArmedFault:
    """A fault in force, and how often it has matched and fired."""

    def __init__(self, fault: Fault, after: ArmedFault | None = None) -> None:
        self.fault = fault
        self._after = after
        self.matched = 0
        self.fired = 0
        self._path = path_pattern(fault.path)

    def claims(self, method: str, path: str) -> bool:
        """Whether this request is to be hit; counts it."""
        fault = self.fault
        if self._after is not None and not self._after.fired:
            return False
        if fault.method not in ("*", method) or not self._path.fullmatch(path):
            return False
        if fault.times is not None and self.fired >= fault.times:
            return False
        self.matched += 1
        if self.matched <= fault.skip:
            return False
        self.fired += 1
        return True


class Faults:
    """The faults in force. The first that claims a request gets it."""

    def __init__(self) -> None:
        self._armed: list[ArmedFault] = []

    def add(self, fault: Fault | str, *, after: ArmedFault | None = None) -> ArmedFault:
        """Arm a fault, given as such or in its textual form.

        With *after* it begins when that one has fired.
        """
        armed = ArmedFault(Fault.parse(fault) if isinstance(fault, str) else fault, after)
        self._armed.append(armed)
        return armed

    def clear(self) -> None:
        self._armed.clear()

    def claim(self, method: str, path: str) -> Fault | None:
        return next((a.fault for a in tuple(self._armed) if a.claims(method, path)), None)


def _setting(text: str, word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not value:
        _refuse(text, f"{word!r} is not NAME=VALUE")
    if name not in ("times", "skip") and not _HEADER.fullmatch(name):
        _refuse(text, f"{name!r} is not a setting")
    return name, value


def _action(text: str, word: str, headers: dict[str, str]) -> Action:
    if re.fullmatch(r"[2-5]\d\d", word):
        return Status(int(word), headers)
    if headers:
        _refuse(text, f"only a status takes headers, {word!r} does not")
    name, equals, value = word.partition("=")
    if not equals and name in _BARE:
        return _BARE[name]()
    if not equals or name not in _VALUED:
        _refuse(text, f"{word!r} is not an action")
    try:
        return _VALUED[name](value)
    except ValueError:
        _refuse(text, f"{value!r} is not a number that {name} takes")


def _number(text: str, name: str, value: str) -> int:
    try:
        return _count(value)
    except ValueError:
        _refuse(text, f"{name} takes a whole number, not {value!r}")


def _count(value: str) -> int:
    if not value.isdecimal():
        raise ValueError(value)
    return int(value)


def _refuse(text: str, reason: str) -> NoReturn:
    raise ValueError(f"cannot read the fault {text!r}: {reason}. The form is {_FORM}") from None
