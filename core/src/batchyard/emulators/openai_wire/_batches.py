from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchyard.emulators._states import Machine, Timeline
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._execution import Execution
from batchyard.emulators.openai_wire._rows import Usage
from batchyard.emulators.openai_wire._validation import Issue

BATCH_STATES = Machine(
    {
        "validating": frozenset({"in_progress", "failed", "cancelling", "expired"}),
        "in_progress": frozenset({"finalizing", "expired", "cancelling"}),
        "finalizing": frozenset({"completed", "cancelling"}),
        "cancelling": frozenset({"cancelled", "completed"}),
        "failed": frozenset(),
        "completed": frozenset(),
        "expired": frozenset(),
        "cancelled": frozenset(),
    }
)

_STAMPS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """What a create asked for."""

    input_file_id: str
    endpoint: str
    metadata: Mapping[str, str] | None
    output_life: int | None


@dataclass(slots=True)
class BatchRecord:
    """A batch of the emulator. Only its board changes it, under `lock`."""

    id: str
    sequence: int
    order: BatchOrder
    created_at: float
    expires_at: int | None
    timeline: Timeline
    lock: threading.Lock = field(default_factory=threading.Lock)
    run: Execution | None = None
    model_name: str | None = None
    snapshot: str | None = None
    tokens: int = 0
    issue: Issue | None = None
    row_limit: int | None = None
    """Rows that are executed at most, of a batch whose window closes before its end."""
    stop_at: float | None = None
    """When executing ends early, because of a cancel."""
    output_file_id: str | None = None
    error_file_id: str | None = None
    is_closed: bool = False
    planned_end: float = 0.0
    """When the last row is executed if nothing interferes."""
    hidden_reads: int = 0
    late_reads: int = 0

    @property
    def place(self) -> tuple[int, int]:
        return int(self.created_at), self.sequence

    def rows_due(self, now: float) -> int:
        """How many rows are executed by `now`, as the schedule has it."""
        start = self.timeline.due("in_progress")
        if self.run is None or start is None:
            return 0
        moment = now if self.stop_at is None else min(now, self.stop_at)
        length = self.planned_end - start
        share = min(max((moment - start) / length, 0.0), 1.0) if length > 0 else 1.0
        due = int(self.run.total * share)
        return due if self.row_limit is None else min(due, self.row_limit)

    def when(self, position: int) -> float:
        """When the row at a position of the schedule is executed."""
        start = self.timeline.due("in_progress") or self.created_at
        total = self.run.total if self.run else 1
        return start + (self.planned_end - start) * (position + 1) / total

    def plan(self, start: float, end: float) -> None:
        self.timeline.schedule("in_progress", start)
        self.planned_end = end

    def document(self, now: float, dialect: Dialect, absent: str | None) -> dict[str, Any]:
        """The batch object; `absent` stands for a file that an ended batch does not have."""
        state = self.timeline.state(now)
        is_over = BATCH_STATES.is_terminal(state)
        stamps = {f"{name}_at": self._stamp(name, now) for name in _STAMPS}
        has_files = is_over and self.late_reads == 0
        missing = absent if has_files and state != "failed" else None
        usage = self.run.usage if self.run and is_over else Usage()
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.order.endpoint,
            "model": self.snapshot,
            "errors": self._errors(state, dialect),
            "input_file_id": self.order.input_file_id,
            "completion_window": "24h",
            "status": state,
            "output_file_id": (self.output_file_id or missing) if has_files else None,
            "error_file_id": (self.error_file_id or missing) if has_files else None,
            "created_at": int(self.created_at),
            "in_progress_at": stamps["in_progress_at"],
            "expires_at": self.expires_at,
            **{name: stamps[name] for name in stamps if name != "in_progress_at"},
            "request_counts": self._counts(state),
            "usage": usage.document(),
            "metadata": self.order.metadata,
        }

    def _stamp(self, state: str, now: float) -> int | None:
        at = self.timeline.entered(state, now)
        return None if at is None else int(at)

    def _errors(self, state: str, dialect: Dialect) -> dict[str, Any] | None:
        if self.issue is None or state != "failed":
            return None
        return {"object": "list", "data": [self.issue.document(dialect)]}

    def _counts(self, state: str) -> dict[str, int]:
        if self.run is None:
            return {"total": 0, "completed": 0, "failed": 0}
        # the service forgets its counters when a batch is cancelled
        is_reset = state in ("cancelling", "cancelled")
        return {
            "total": self.run.total,
            "completed": 0 if is_reset else self.run.completed,
            "failed": 0 if is_reset else self.run.failed,
        }
