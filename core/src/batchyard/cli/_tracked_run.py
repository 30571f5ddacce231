"""``batchyard run`` with a ledger: staged, written down, followed by this command."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from batchyard.cli._ledgers import configured, installed
from batchyard.cli._options import Where
from batchyard.config import data_folder
from batchyard.errors import BatchyardError, IdempotencyError, NotFoundError

if TYPE_CHECKING:
    from batchyard.cli._order import Order
    from batchyard.client import Client
    from batchyard.ledger.recomputing import SavedReceipt
    from batchyard.lines import FileCheck
    from batchyard.models import Batch, FileObject

__all__ = ["followed_here", "is_tracked", "receipt_of", "staged"]


def is_tracked(where: Where) -> tuple[Where, bool]:
    """Whether there is a ledger, and where: without a word of one, the user's own if possible."""
    if where.ledger is not None:
        return where, where.ledger is not False
    _, config = configured(where)
    wanted = config.ledger_enabled
    if wanted is None:
        # as a service without a home a user has no ledger of his own
        own = installed() and data_folder(os.environ) is not None
        return replace(where, ledger=own), own
    return where, wanted


def staged(client: Client, order: Order, checked: FileCheck) -> Batch:
    """A new batch, or the one that an earlier run with the same key wrote down."""
    found = client.batches.find(order.key) if order.key else None
    if found is not None:
        _same_content(client, found, checked)
        order.say(f"taking up batch {found.id} of key {order.key!r}")
        return found
    order.say(f"staging {checked.lines} requests ({checked.bytes:,} bytes)")
    file = client.files.create(order.file)
    try:
        batch = client.batches.create(
            file,
            checked.endpoint or "",
            order.window,
            metadata=order.metadata or None,
            idempotency_key=order.key,
        )
    except BatchyardError:
        _unstage(client, file)
        raise
    if batch.input_file_id != file.id:
        # the same command, at the same time, was first
        _unstage(client, file)
    order.say(f"batch {batch.id} of {batch.input_file_id}")
    return batch


def receipt_of(client: Client, batch: Batch) -> SavedReceipt:
    """What the batch came to, with what is needed to compute it again."""
    from batchyard.ledger.recomputing import SavedReceipt

    receipt = client.batches.cost(batch)
    started = batch.in_progress_at or batch.created_at or receipt.at
    return SavedReceipt(receipt, batch.endpoint or "", started)


@contextmanager
def followed_here() -> Iterator[None]:
    """Within it nobody is told that nobody follows what is created: this command does."""
    logger = logging.getLogger("batchyard.client")
    logger.addFilter(_not_left_alone)
    try:
        yield
    finally:
        logger.removeFilter(_not_left_alone)


def _not_left_alone(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("nobody follows batch")


def _same_content(client: Client, batch: Batch, checked: FileCheck) -> None:
    """Refuse to write another file's results; a file that is gone cannot be compared."""
    from batchyard.client._tracked_sync import TrackedFiles

    assert isinstance(client.files, TrackedFiles)  # noqa: S101 - the run is tracked
    try:
        digest = client.files.digest(batch.input_file_id or "")
    except NotFoundError:
        return
    if digest != checked.digest:
        raise IdempotencyError(
            f"the key was used with another file (batch {batch.id}); choose another key, "
            "or run the file that it was used with",
            param="key",
        )


def _unstage(client: Client, file: FileObject) -> None:
    # what went wrong before is what matters; and what stays costs nothing
    with suppress(BatchyardError):
        client.files.delete(file)
