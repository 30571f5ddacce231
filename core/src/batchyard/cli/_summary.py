"""A batch, and what its lines came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchyard.cli._output import details, echo, emit, moment
from batchyard.cli._receipts import show_receipt
from batchyard.client import Completeness
from batchyard.models import Batch

if TYPE_CHECKING:
    from batchyard.ledger.recomputing import SavedReceipt

__all__ = ["Summary", "batch_row", "show_batch"]

ERRORS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said when results have been collected; of a ledger's batch with its receipt."""

    batch: Batch
    completeness: Completeness
    results: Path
    errors: Path
    receipt: SavedReceipt | None = None

    @property
    def whole(self) -> bool:
        return self.batch.status == "completed" and self.completeness.complete

    def show(self, *, as_json: bool) -> None:
        if as_json:
            emit(self.record())
            return
        usage = self.completeness.usage
        echo(f"batch     {self.batch.id} {self.batch.status}")
        for error in (self.batch.errors.data if self.batch.errors else [])[:ERRORS_SHOWN]:
            where = f"line {error.line}: " if error.line else ""
            echo(f"          {where}{error.message} ({error.code})")
        echo(f"lines     {self.completeness}")
        known = "" if usage.known else " at least; some responses do not say"
        echo(
            f"tokens    {usage.total_tokens:,} = {usage.input_tokens:,} in "
            f"({usage.cached_tokens:,} cached) + {usage.output_tokens:,} out{known}"
        )
        echo(f"results   {self.results}")
        echo(f"errors    {self.errors}")
        if self.receipt is not None:
            echo("")
            show_receipt(self.receipt.receipt)

    def record(self) -> dict[str, Any]:
        proof, usage = self.completeness, self.completeness.usage
        return {
            "batch": self.batch.model_dump(mode="json"),
            "lines": proof.lines,
            "outcomes": dict(proof.outcomes),
            "duplicates": proof.duplicates,
            "strangers": proof.strangers,
            "malformed": proof.malformed,
            "complete": proof.complete,
            "usage": {
                "input_tokens": usage.input_tokens,
                "cached_tokens": usage.cached_tokens,
                "output_tokens": usage.output_tokens,
                "total_tokens": usage.total_tokens,
                "known": usage.known,
            },
            "results": str(self.results),
            "errors": str(self.errors),
            **({} if self.receipt is None else {"receipt": self.receipt.to_json()}),
        }


def show_batch(batch: Batch, *, as_json: bool) -> None:
    if as_json:
        emit(batch.model_dump(mode="json"))
        return
    counts = batch.request_counts
    done = counts and f"{counts.completed} completed, {counts.failed} failed, of {counts.total}"
    details(
        [
            ("id", batch.id),
            ("status", batch.status),
            ("endpoint", batch.endpoint),
            ("requests", done),
            ("created", moment(batch.created_at)),
            ("expires", moment(batch.expires_at)),
            ("input file", batch.input_file_id),
            ("output file", batch.output_file_id),
            ("error file", batch.error_file_id),
            *((f"metadata {name}", value) for name, value in (batch.metadata or {}).items()),
            *(
                ("error", f"{one.message} ({one.code})")
                for one in (batch.errors.data if batch.errors else [])[:ERRORS_SHOWN]
            ),
        ]
    )


def batch_row(batch: Batch) -> tuple[object, ...]:
    counts = batch.request_counts
    done = f"{counts.completed + counts.failed}/{counts.total}" if counts else None
    return (batch.id, batch.status, done, moment(batch.created_at), batch.endpoint)
