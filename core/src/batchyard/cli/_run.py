"""``batchyard run``: a file of requests in, a file of results out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from batchyard.cli._collecting import collect
from batchyard.cli._failures import EXIT_INCOMPLETE, EXIT_INTERRUPTED
from batchyard.cli._options import Where, debug_option, json_option, metadata_option, with_client
from batchyard.cli._order import Order
from batchyard.cli._output import note
from batchyard.cli._progress import progress
from batchyard.cli._result_files import distinct, writable
from batchyard.cli._tracked_run import followed_here, is_tracked, receipt_of, staged
from batchyard.client import Client, file_marker
from batchyard.errors import (
    AmbiguousCreateError,
    BatchyardError,
    IdempotencyError,
    InputError,
    NotFoundError,
)
from batchyard.lines import FileCheck, check_file
from batchyard.models import Batch, Identity

__all__ = ["command"]


@click.command("run", short_help="Run FILE, a JSONL file of requests, as a batch.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--key", help="Idempotency key: a run that is repeated with it takes the same batch.")
@click.option("--batch", help="Take up this batch, which was made of FILE, and create none.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Results; FILE.results.jsonl."
)
@click.option("--errors", type=click.Path(path_type=Path), help="The others; FILE.errors.jsonl.")
@click.option("--window", default="24h", show_default=True, help="Completion window.")
@metadata_option
@click.option("--wait-timeout", type=click.FloatRange(min=0), help="Seconds to wait at most.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--owner", default="", help="Whose the batch is, in the ledger.")
@click.option("--team", help="The owner's team.")
@click.option("--tag", "tags", multiple=True, help="Something to sum its cost by, repeatable.")
@with_client
@json_option
@debug_option
def command(
    where: Where,
    file: Path,
    key: str | None,
    batch: str | None,
    output: Path | None,
    errors: Path | None,
    window: str,
    metadata: dict[str, str],
    wait_timeout: float | None,
    quiet: bool,
    owner: str,
    team: str | None,
    tags: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run FILE, a JSONL file of requests, as a batch: check, upload, create, wait, collect.

    Where batchyard[ledger] is installed the batch is kept in a ledger, the
    configured one or your own: it is followed from wherever it is, counted and
    priced, and the end is a receipt.  --no-ledger does without.

    Exit codes: 0 the batch is completed and every line accounted for (lines may
    have failed; they are in the errors file), 1 an error, 2 wrong usage, 3 the
    batch ended otherwise or lines have no result, 130 interrupted.
    """
    if key and batch:
        raise click.UsageError("--batch names the batch, and --key finds it: give one of them")
    if not file.name:
        raise InputError(f"cannot read {file}: it is not a file")
    results = output or file.with_name(f"{file.stem}.results.jsonl")
    errors = errors or file.with_name(f"{file.stem}.errors.jsonl")
    distinct(file, results, errors)
    for path in (results, errors):
        writable(path)
    where, tracked = is_tracked(where)
    who = Identity(owner, team, tags)
    if who != Identity() and not tracked:
        raise click.UsageError("--owner, --team and --tag are kept in a ledger, and there is none.")
    order = Order(
        file, where, key, batch, window, metadata, results, errors, wait_timeout, quiet, tracked
    )
    stamp = _stamp(file)
    with where.client(who) as client, followed_here():
        checked = _checked(order, client)
        begun = _begun(client, order, checked)
        with _resumable(order, begun.id):
            ended = _waited(client, order, checked, begun)
            # what is staged does not change
            own = None if tracked else _own_input(file, stamp)
            summary = collect(client.batches.results(ended, input_file=own), results, errors)
            if tracked:
                summary = replace(summary, receipt=receipt_of(client, ended))
    summary.show(as_json=as_json)
    if not summary.whole:
        raise SystemExit(EXIT_INCOMPLETE)


def _checked(order: Order, client: Client) -> FileCheck:
    digest = order.key is not None
    checked = check_file(order.file, limits=client.limits(), digest=digest)
    checked.raise_for_problems()
    # now that they are known, the limits of this endpoint and model
    model = next(iter(checked.models), None)
    limits = client.limits(checked.endpoint, model)
    for count, most, what in (
        (checked.lines, limits.max_lines, "requests"),
        (checked.bytes, limits.max_bytes, "bytes"),
    ):
        if most is not None and count > most:
            raise InputError(
                f"the file has {count:,} {what}, and {most:,} are taken; split the file",
                code="too_many_tasks" if what == "requests" else "file_too_large",
            )
    if limits.one_model_per_file and len(checked.models) > 1:
        names = ", ".join(checked.models)
        raise InputError(
            f"the file names {len(checked.models)} models ({names}), and a batch takes one; "
            "split the file by model",
            code="mismatched_model",
            param="body.model",
        )
    return checked


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What tells whether FILE is still the one that was checked."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _own_input(file: Path, stamp: tuple[int, int, int] | None) -> Path | None:
    """FILE, unless it has changed meanwhile: then the provider's copy is what results answer."""
    if stamp is not None and _stamp(file) == stamp:
        return file
    note(f"{file} has changed since it was checked; the results are joined to what was sent")
    return None


def _begun(client: Client, order: Order, checked: FileCheck) -> Batch:
    """The batch to wait for: the one named, the one of the key, or a new one."""
    if order.batch:
        batch = _named(client, order)
        _same_lines(batch, checked)
        order.say(f"taking up batch {batch.id}")
        return batch
    try:
        return _submitted(client, order, checked)
    except KeyboardInterrupt:
        note(f"\nInterrupted. A batch may have been created; {_look_up(order)}")
        raise SystemExit(EXIT_INTERRUPTED) from None
    except AmbiguousCreateError:
        note(f"A batch may have been created, and was not sent again; {_look_up(order)}")
        raise


def _named(client: Client, order: Order) -> Batch:
    try:
        return client.batches.retrieve(order.batch or "")
    except NotFoundError:
        if order.tracked:
            order.say("A batch that was made without the ledger is taken up with --no-ledger.")
        raise


def _look_up(order: Order) -> str:
    if order.key:
        return f"with key {order.key!r} the same command finds it"
    listed = f"look it up with: batchyard batches list{order.place}; if it is there, "
    return listed + order.resume("ID")


def _submitted(client: Client, order: Order, checked: FileCheck) -> Batch:
    """A new batch, or the one that an earlier run with the same key began."""
    if order.tracked:
        return staged(client, order, checked)
    file_key = f"{order.key}\0{checked.digest}" if order.key else None
    if order.key:
        found = client.batches.find(order.key)
        if found is not None:
            _same_file(client, found, file_key or "")
            order.say(f"taking up batch {found.id} of key {order.key!r}")
            return found
    order.say(f"uploading {checked.lines} requests ({checked.bytes:,} bytes)")
    file = client.files.create(order.file, idempotency_key=file_key, validate=False)
    batch = client.batches.create(
        file,
        checked.endpoint or "",
        order.window,
        metadata=order.metadata or None,
        models=tuple(checked.models),
        idempotency_key=order.key,
    )
    order.say(f"batch {batch.id} of {file.id}")
    return batch


def _same_lines(batch: Batch, checked: FileCheck) -> None:
    """Refuse a batch that was surely made of another file; the results tell the rest."""
    total = batch.request_counts.total if batch.request_counts else 0
    if batch.endpoint not in {None, checked.endpoint}:
        raise InputError(
            f"batch {batch.id} is for {batch.endpoint}, and the file for {checked.endpoint}",
            param="batch",
        )
    if total and total != checked.lines:
        raise InputError(
            f"batch {batch.id} has {total} lines, and the file {checked.lines}: "
            "it was made of another file",
            param="batch",
        )


def _same_file(client: Client, batch: Batch, file_key: str) -> None:
    """Refuse to join another file's results; a file that is gone cannot be compared."""
    try:
        stored = client.files.retrieve(batch.input_file_id or "")
    except (NotFoundError, InputError):
        return
    if file_marker(file_key) not in (stored.filename or ""):
        raise IdempotencyError(
            f"the key was used with another file (batch {batch.id}); choose another key, "
            "or run the file that it was used with",
            param="key",
        )


@contextmanager
def _resumable(order: Order, batch: str) -> Iterator[None]:
    """Whatever ends this early says how to go on: the batch is being paid for."""
    try:
        yield
    except KeyboardInterrupt:
        goes_on = "is kept, and goes on if it was sent" if order.tracked else "goes on"
        note(f"\nInterrupted. Batch {batch} {goes_on}; {order.resume(batch)}")
        raise SystemExit(EXIT_INTERRUPTED) from None
    except (BatchyardError, OSError):
        note(f"Batch {batch}: {order.resume(batch)}")
        raise


def _waited(client: Client, order: Order, checked: FileCheck, batch: Batch) -> Batch:
    with progress(checked.lines, quiet=order.quiet) as show:
        return client.batches.wait(batch, on_progress=show, wait_timeout=order.wait_timeout)
