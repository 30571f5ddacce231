from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirk:
    """An oddity of a real service that an emulator shows when asked to."""

    name: str
    description: str
    value: float = 1
    """What it is worth when switched on by its bare name: a share, or how often."""


class Quirks:
    """The quirks that are switched on, out of those an emulator knows."""

    def __init__(self, known: Iterable[Quirk], enabled: Iterable[str] = ()) -> None:
        self._known = {quirk.name: quirk for quirk in known}
        self._values: dict[str, float] = {}
        for text in enabled:
            self.enable(text)

    def enable(self, text: str) -> None:
        """Switch on `name` or `name=value`; `ValueError` names the known ones."""
        name, equals, value = text.partition("=")
        quirk = self._quirk(name)
        try:
            self._values[name] = float(value) if equals else quirk.value
        except ValueError as error:
            raise ValueError(f"the quirk {name!r} takes a number, not {value!r}") from error

    def disable(self, name: str) -> None:
        self._values.pop(self._quirk(name).name, None)

    def value(self, name: str) -> float:
        """What the quirk is worth; 0 while it is off."""
        return self._values.get(self._quirk(name).name, 0)

    def __contains__(self, name: str) -> bool:
        return self.value(name) > 0

    def _quirk(self, name: str) -> Quirk:
        if name not in self._known:
            known = ", ".join(sorted(self._known)) or "none"
            raise ValueError(f"unknown quirk {name!r}; known are: {known}")
        return self._known[name]
