from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """Which state may follow which. The first key is where everything starts."""

    moves: Mapping[str, frozenset[str]]

    @property
    def initial(self) -> str:
        return next(iter(self.moves))

    def is_terminal(self, state: str) -> bool:
        return not self.moves[state]


class Timeline:
    """The states that one thing goes through, each with the moment it begins.

    Moves are scheduled ahead; what the state *is* follows from the time of asking, so nothing has
    to run in between and a test's clock controls everything.
    """

    def __init__(self, machine: Machine, at: float) -> None:
        self._machine = machine
        self._moves: list[tuple[float, str]] = [(at, machine.initial)]

    def schedule(self, state: str, at: float) -> None:
        """Add a move after the last one; `ValueError` if the machine does not allow it."""
        last_at, last = self._moves[-1]
        if state not in self._machine.moves[last]:
            raise ValueError(f"{last} is never followed by {state}")
        if at < last_at:
            raise ValueError(f"{state} cannot begin before {last} does")
        self._moves.append((at, state))

    def interrupt(self, state: str, at: float) -> None:
        """Forget what was scheduled for after `at` and move to `state` instead."""
        self._moves = [move for move in self._moves if move[0] <= at]
        self.schedule(state, at)

    def state(self, now: float) -> str:
        return next(
            (state for at, state in reversed(self._moves) if at <= now), self._machine.initial
        )

    def entered(self, state: str, now: float) -> float | None:
        """When `state` was entered, if that has happened by `now`."""
        return next((at for at, name in self._moves if name == state and at <= now), None)

    def due(self, state: str) -> float | None:
        """When `state` is (or was) to be entered, if that is scheduled at all."""
        return next((at for at, name in self._moves if name == state), None)

    def is_over(self, now: float) -> bool:
        return self._machine.is_terminal(self.state(now))

    def ends_at(self) -> float | None:
        at, state = self._moves[-1]
        return at if self._machine.is_terminal(state) else None
