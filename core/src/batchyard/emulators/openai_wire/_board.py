from __future__ import annotations

import contextlib
import math
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any

from batchyard.emulators._quirks import Quirks
from batchyard.emulators._states import Timeline
from batchyard.emulators._store import Blob
from batchyard.emulators.openai_wire._batches import BATCH_STATES, BatchOrder, BatchRecord
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._errors import ApiError
from batchyard.emulators.openai_wire._execution import Execution, Files, Work
from batchyard.emulators.openai_wire._files import FileShelf, NewFile
from batchyard.emulators.openai_wire._validation import Issue, Validated, Validator

_VALIDATING = 60.0
_VALIDATING_SHARE = 0.9  # of the window, whatever the time scale
_RUN_SHORTEST, _RUN_LONGEST = 10.0, 140.0
_RUN_LINES = 2000
_FINALIZING = 2.0
_CANCELLING = 90.0
_IN_FLIGHT = 1.0


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """`finished_before_expiry` rows are executed at most, and then the window closes (None: all).

    `enqueued_token_limits` are by model name.
    """

    time_scale: float
    seed: int
    quirks: Quirks
    finished_before_expiry: int | None
    enqueued_token_limits: Mapping[str, int]


class Board:
    """The batches of an emulator.

    Every batch has a schedule, made when it is created and validated. `advance` brings one up to
    a moment by doing the work that is due by then; it blocks, and belongs in a worker thread.
    """

    def __init__(self, shelf: FileShelf, dialect: Dialect, options: BoardOptions) -> None:
        self._shelf = shelf
        self._dialect = dialect
        self._options = options
        self._sequence = count()
        self._batches: dict[str, BatchRecord] = {}
        self._unvalidated: dict[str, BatchRecord] = {}
        self._due: list[tuple[float, int, BatchRecord]] = []
        """A heap: when each is to be validated."""
        self._queueing = threading.Lock()
        self._running: dict[str, BatchRecord] = {}
        self._validating = threading.Lock()

    def create(self, order: BatchOrder, now: float) -> BatchRecord:
        window = self._dialect.window_seconds
        quirks = self._options.quirks
        batch = BatchRecord(
            id=self._dialect.new_batch_id(now),
            sequence=next(self._sequence),
            order=order,
            created_at=now,
            expires_at=None if window is None else int(now) + window,
            timeline=Timeline(BATCH_STATES, now),
            hidden_reads=int(quirks.value("late-batch")),
            late_reads=int(quirks.value("late-output-file")),
        )
        delay = _VALIDATING * self._rng(batch).uniform(0.8, 1.2) * self._options.time_scale
        if window is not None:
            delay = min(delay, window * _VALIDATING_SHARE)
        self._batches[batch.id] = batch
        self._unvalidated[batch.id] = batch
        with self._queueing:
            heappush(self._due, (now + delay, batch.sequence, batch))
        return batch

    def refuse_if_full(self, order: BatchOrder, now: float) -> None:
        """Raise the `ApiError` for a batch that finds no room; other faults are told later."""
        try:
            blob = self._input(order.input_file_id, now)
        except Issue:
            return
        try:
            found = Validator(order.endpoint, self._dialect).validate(blob)
            self._check_room(found.model_name, found.model.snapshot, found.tokens, now)
        except Issue as issue:
            if issue.code == "token_limit_exceeded":
                raise ApiError(issue.message, code=issue.code) from issue
        finally:
            self._shelf.store.delete(blob)

    def enqueued(self, now: float, snapshot: str | None = None) -> int:
        """Tokens of the batches that run, of one model or of all."""
        return sum(
            batch.tokens
            for batch in self.all()
            if snapshot in {None, batch.snapshot}
            and batch.run is not None
            and not batch.timeline.is_over(now)
        )

    def get(self, batch_id: str) -> BatchRecord:
        batch = self._batches.get(batch_id)
        if batch is None:
            raise _no_batch(batch_id)
        return batch

    def read(self, batch_id: str) -> BatchRecord:
        """As `get`, for a caller who may be too early to see the batch."""
        batch = self.get(batch_id)
        if batch.hidden_reads > 0:
            batch.hidden_reads -= 1
            raise _no_batch(batch_id)
        return batch

    def all(self) -> list[BatchRecord]:
        """Oldest first."""
        return list(self._batches.values())

    def advance_all(self, now: float) -> None:
        self._validate_due(now)
        for batch in list(self._running.values()):
            self.advance(batch, now)

    def advance(self, batch: BatchRecord, now: float) -> None:
        """Do all that is due for the batch by `now`."""
        self._validate_due(now)
        with batch.lock:
            if batch.run is None or batch.is_closed:
                return
            ends_at = batch.timeline.ends_at()
            moment = now if ends_at is None else min(now, ends_at)
            batch.run.advance(batch.rows_due(moment), batch.when)
            if ends_at is not None and ends_at <= now:
                self._close(batch, batch.run, ends_at)

    def show(self, batch: BatchRecord, now: float) -> dict[str, Any]:
        """The batch object, brought up to date."""
        self.advance(batch, now)
        absent = "" if "empty-string-file-ids" in self._options.quirks else None
        with batch.lock:
            document = batch.document(now, self._dialect, absent)
            if batch.late_reads and batch.timeline.is_over(now):
                batch.late_reads -= 1
        return self._dialect.batch_document(document)

    def cancel(self, batch: BatchRecord, now: float) -> None:
        """Start cancelling; `ApiError` when the batch has ended."""
        self.advance(batch, now)
        with batch.lock:
            state = batch.timeline.state(now)
            if state == "cancelling":
                return
            if BATCH_STATES.is_terminal(state):
                raise ApiError(
                    f"Cannot cancel a batch with status '{state}'.",
                    status=self._dialect.cancel_refused_status,
                )
            self._unvalidated.pop(batch.id, None)
            self._interrupt(batch, now)

    def _interrupt(self, batch: BatchRecord, now: float) -> None:
        scale = self._options.time_scale
        run = batch.run
        batch.timeline.interrupt("cancelling", now)
        batch.stop_at = now + _IN_FLIGHT * scale
        if run is not None and "cancel-ends-completed" in self._options.quirks:
            batch.stop_at, batch.row_limit = math.inf, None
        # rows in flight still finish, and with the last of them the batch has won the race
        if run is not None and batch.rows_due(math.inf) == run.total:
            batch.stop_at = math.inf
            batch.timeline.schedule("completed", now + _FINALIZING * scale)
        else:
            batch.timeline.schedule("cancelled", now + _CANCELLING * scale)

    def _validate_due(self, now: float) -> None:
        """Validate in order of time: whether a batch fits in the queue depends on the others."""
        with self._validating:
            while (due := self._next_due(now)) is not None:
                at, batch = due
                # one that was cancelled meanwhile is not
                if self._unvalidated.pop(batch.id, None) is not None:
                    with batch.lock:
                        self._validate(batch, at)

    def _next_due(self, now: float) -> tuple[float, BatchRecord] | None:
        with self._queueing:
            if not self._due or self._due[0][0] > now:
                return None
            at, _, batch = heappop(self._due)
        return at, batch

    def _validate(self, batch: BatchRecord, at: float) -> None:
        try:
            self._start(batch, at)
        except Issue as issue:
            batch.issue = issue
            batch.timeline.schedule("failed", at)

    def _start(self, batch: BatchRecord, at: float) -> None:
        store = self._shelf.store
        blob = self._input(batch.order.input_file_id, at)
        try:
            result = Validator(batch.order.endpoint, self._dialect).validate(blob)
            batch.model_name, batch.snapshot = result.model_name, result.model.snapshot
            batch.tokens = result.tokens
            self._check_queue(batch, at)
        except Issue:
            store.delete(blob)
            raise
        work = Work(
            input=blob,
            offsets=result.offsets,
            endpoint=self._dialect.canonical_endpoint(batch.order.endpoint),
            model=result.model,
            dialect=self._dialect,
            quirks=self._options.quirks,
            seed=f"{self._options.seed}:{batch.sequence}",
        )
        batch.run = Execution(work, Files(store.writer(), store.writer()))
        self._schedule(batch, result, at)
        self._running[batch.id] = batch

    def _input(self, file_id: str, at: float) -> Blob:
        """The input under a second name: the file may be deleted while its batch runs."""
        issue = self._dialect.input_issue(file_id)
        if issue is not None:
            raise Issue(*issue)
        file = self._shelf.find(file_id, at)
        if file is not None and file.purpose == "batch":
            with contextlib.suppress(FileNotFoundError):
                return self._shelf.store.link(file.blob)
        message = f"Cannot find file {file_id}, or it is not a batch input file."
        raise Issue("invalid_request", message, "file_id")

    def _schedule(self, batch: BatchRecord, result: Validated, at: float) -> None:
        growth = 1 - math.exp(-len(result.offsets) / _RUN_LINES)
        seconds = _RUN_SHORTEST + (_RUN_LONGEST - _RUN_SHORTEST) * growth
        end = at + seconds * self._options.time_scale
        done = end + _FINALIZING * self._options.time_scale
        limit = self._options.finished_before_expiry
        batch.plan(at, end)
        if batch.expires_at is not None and (limit is not None or done > batch.expires_at):
            batch.row_limit = limit
            batch.timeline.schedule("expired", max(at, batch.expires_at))
        else:
            batch.timeline.schedule("finalizing", end)
            batch.timeline.schedule("completed", done)

    def _check_queue(self, batch: BatchRecord, at: float) -> None:
        name = batch.model_name or ""
        if not self._dialect.check_queue():
            raise Issue("token_limit_exceeded", self._dialect.token_limit_message(name, 30_000))
        self._check_room(name, batch.snapshot, batch.tokens, at)

    def _check_room(self, name: str, snapshot: str | None, tokens: int, at: float) -> None:
        limits = self._options.enqueued_token_limits
        limit = limits.get(name, limits.get(snapshot or ""))
        if limit is not None and self.enqueued(at, snapshot) + tokens > limit:
            message = self._dialect.token_limit_message(name, limit)
            raise Issue("token_limit_exceeded", message)

    def _close(self, batch: BatchRecord, run: Execution, at: float) -> None:
        """Write off what was not executed, and shelve the result files."""
        state = batch.timeline.state(at)
        if state == "completed":
            # a cancel that lost its race may have brought the end forward
            run.advance(run.total, batch.when)
        else:
            run.abandon(f"batch_{state}", at)
        output, errors = run.finish()
        life = batch.order.output_life or self._dialect.batch_file_life
        if output.size:
            new = NewFile("batch_output", f"{batch.id}_output.jsonl", output, life)
            batch.output_file_id = self._shelf.add(new, at).id
        if errors.size or self._dialect.has_empty_error_file:
            new = NewFile("batch_output", f"{batch.id}_error.jsonl", errors, life)
            batch.error_file_id = self._shelf.add(new, at).id
        self._shelf.store.delete(run.input)
        batch.is_closed = True
        self._running.pop(batch.id, None)

    def _rng(self, batch: BatchRecord) -> random.Random:
        seed = f"{self._options.seed}:{batch.sequence}:timing"
        return random.Random(seed)  # noqa: S311 - the same seed must give the same timing


def _no_batch(batch_id: str) -> ApiError:
    return ApiError(f"No batch found with id '{batch_id}'.", status=404)
