"""How a subscription wants to be served, and at which pace."""

from __future__ import annotations

from dataclasses import dataclass

from batchyard.effects import Clock

__all__ = ["Pacer", "Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a subscription is given.

    ``lines`` is the share of a batch's lines, 0 to 1; ``bodies`` whether these have
    requests and responses; ``redact`` what is left out of events and lines;
    ``rate`` how many deliveries there may be in a second, from this process.
    """

    lines: float = 0.0
    bodies: bool = False
    redact: tuple[str, ...] = ()
    rate: float | None = None


NONE = Terms()

ENOUGH = 1 - 1e-9
"""Of a delivery, since shares of a second do not add up to the last bit."""


class Pacer:
    """Keeps deliveries to *rate* in a second, and lets those of one second come together."""

    def __init__(self, rate: float | None, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._most = max(1.0, rate or 0.0)
        self._left = self._most
        self._at = clock.now()

    def allowed(self, limit: int) -> int:
        """How many may be made now, *limit* at most."""
        if self._rate is None:
            return limit
        self._fill(self._rate)
        return min(limit, int(self._left + 1 - ENOUGH))

    def spend(self, count: int) -> None:
        self._left -= count

    def wait(self) -> float:
        """Seconds until the next one may be made."""
        if self._rate is None:
            return 0.0
        self._fill(self._rate)
        return 0.0 if self._left >= ENOUGH else (1 - self._left) / self._rate

    @property
    def interval(self) -> float:
        """Seconds from one to the next, where they do not stop."""
        return 1 / self._rate if self._rate else 0.0

    async def turn(self) -> None:
        """Wait for the next one, and take it."""
        while (pause := self.wait()) > 0:
            await self._clock.sleep_async(pause)
        self.spend(1)

    def _fill(self, rate: float) -> None:
        now = self._clock.now()
        self._left = min(self._most, self._left + max(0.0, now - self._at) * rate)
        self._at = now
