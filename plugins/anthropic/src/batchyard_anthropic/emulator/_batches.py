"""The batches, and what each has come to at any moment."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from batchyard.emulators import Machine, Quirks, Timeline
from batchyard_anthropic.emulator._answers import result_of

__all__ = ["DAY", "Entry", "Pace", "rfc3339"]

STATES = Machine(
    {
        "in_progress": frozenset({"canceling", "ended"}),
        "canceling": frozenset({"ended"}),
        "ended": frozenset(),
    }
)

DAY = 86_400.0
KEPT = 29 * DAY
KINDS = ("processing", "succeeded", "errored", "canceled", "expired")


def rfc3339(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, UTC).isoformat()


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a batch goes: it begins, goes through its requests, and stops, in real seconds.

    Of a batch that is to expire, *finished* requests are answered before it does.
    """

    scale: float
    finished: int | None = None
    begin: float = 30.0
    work: float = 60.0
    stop: float = 5.0


@dataclass(slots=True)
class Entry:
    """One batch.  Its results are made when it is created, and told when it has ended."""

    id: str
    requests: list[dict[str, Any]]
    born: float
    pace: Pace
    seed: int
    states: Timeline = field(init=False)
    canceled_at: float | None = None

    def __post_init__(self) -> None:
        self.states = Timeline(STATES, self.born)
        last = self.pace.begin + self.pace.work
        usual = self.born + last * self.pace.scale
        self.states.schedule("ended", usual if self.pace.finished is None else self.born + DAY)

    def cancel(self, now: float) -> None:
        """One that has ended, or is stopping, stays as it is."""
        if self.canceled_at is not None or self.states.is_over(now):
            return
        self.canceled_at = now
        self.states.interrupt("canceling", now)
        self.states.schedule("ended", now + self.pace.stop * self.pace.scale)

    def shown(self, now: float, url: str, quirks: Quirks) -> dict[str, Any]:
        state, over = self.states.state(now), self.states.is_over(now)
        ended = self.states.ends_at() if over else None
        archived = ended + KEPT if ended is not None and now >= ended + KEPT else None
        if "unknown-state" in quirks and state == "in_progress":
            state = "queued"
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": state,
            "request_counts": self._counts(over=over),
            "ended_at": rfc3339(ended),
            "created_at": rfc3339(self.born),
            "expires_at": rfc3339(self.born + DAY),
            "archived_at": rfc3339(archived),
            "cancel_initiated_at": rfc3339(self.canceled_at),
            "results_url": f"{url}/results" if over and archived is None else None,
            **({"priority": "odd"} if "unknown-fields" in quirks else {}),
        }

    def _counts(self, *, over: bool) -> dict[str, int]:
        counts = dict.fromkeys(KINDS, 0)
        if not over:
            counts["processing"] = len(self.requests)
            return counts
        return counts | Counter(row["result"]["type"] for row in self._rows())

    def results(self, quirks: Quirks) -> bytes:
        """All rows, in an order of their own."""
        rows = list(self._rows())
        random.Random(self.seed).shuffle(rows)  # noqa: S311 - no secret
        rows = rows[int(quirks.value("missing-results")) :]
        rows += rows[: int(quirks.value("doubled-results"))]
        if "unknown-results" in quirks:
            rows[0]["result"] = {"type": "postponed"}
        text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        return (b'{"custom_id":"torn\n' if "torn-line" in quirks else b"") + text.encode()

    def _rows(self) -> list[dict[str, Any]]:
        done = self._done()
        return [
            result_of(one["custom_id"], one["params"], self.seed)
            if number < done
            else _undone(one, "canceled" if self.canceled_at is not None else "expired")
            for number, one in enumerate(self.requests)
        ]

    def _done(self) -> int:
        """How many requests were gone through before the end."""
        if self.canceled_at is not None:
            worked = (self.canceled_at - self.born) / (self.pace.scale or 1e-9) - self.pace.begin
            share = worked / self.pace.work
            # a part of what is cancelled is always left
            return max(0, min(len(self.requests) - 1, int(len(self.requests) * share)))
        return len(self.requests) if self.pace.finished is None else self.pace.finished


def _undone(request: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {"custom_id": request["custom_id"], "result": {"type": kind}}
