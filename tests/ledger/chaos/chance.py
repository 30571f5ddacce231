"""Faults by chance, in place of those that a test arms one by one."""

from __future__ import annotations

import random

from batchyard.emulators import Fault, Lost, Reset, Status, Truncate
from batchyard.emulators._actions import Action
from batchyard.emulators._faults import Faults

__all__ = ["Chance"]


class Chance(Faults):
    """Hits that share of all requests, with whatever may befall one of its method."""

    def __init__(self, seed: int, share: float) -> None:
        super().__init__()
        self.asked = 0
        self.hits = 0
        self.share = share
        self._random = random.Random(seed)  # noqa: S311 - it keeps no secret

    def claim(self, method: str, path: str) -> Fault | None:
        self.asked += 1
        if self._random.random() >= self.share or path == "/token":
            return None
        self.hits += 1
        actions: list[Action] = [
            Status(500),
            Status(503),
            Status(429, {"retry-after": "1"}),
            Reset(),
            Lost(),
        ]
        if method == "GET":
            actions.append(Truncate(100))
        return Fault(method, path, self._random.choice(actions))
