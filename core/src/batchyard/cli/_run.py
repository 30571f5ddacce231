"""``batchyard run``: a file of requests in, a file of results out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from batchyard.cli._failures import EXIT_INCOMPLETE, EXIT_INTERRUPTED
from batchyard.cli._outputs import Outputs, writable
from batchyard.cli._progress import progress
from batchyard.client import Client, Completeness, file_marker
from batchyard.errors import BatchyardError, IdempotencyError, InputError, NotFoundError
from batchyard.lines import FileCheck, check_file
from batchyard.models import Batch, Limits

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Order:
    """What the user asked for."""

    file: Path
    key: str | None
    window: str
    metadata: dict[str, str]
    results: Path
    errors: Path
    wait_timeout: float | None
    quiet: bool


def _metadata(ctx: click.Context, param: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    bad = [pair for pair in pairs if "=" not in pair]
    if bad:
        raise click.BadParameter(f"{bad[0]!r} is not of the form name=value", ctx, param)
    return dict(pair.split("=", 1) for pair in pairs)


@click.command("run", short_help="Run FILE, a JSONL file of requests, as a batch.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--provider", "--account", "provider", help="Which provider; needed if several fit.")
@click.option("--key", help="Idempotency key: a run that is repeated with it takes the same batch.")
@click.option("--output", type=click.Path(path_type=Path), help="Results; FILE.results.jsonl.")
@click.option("--errors", type=click.Path(path_type=Path), help="The others; FILE.errors.jsonl.")
@click.option("--window", default="24h", show_default=True, help="Completion window.")
@click.option("--metadata", multiple=True, callback=_metadata, help="name=value, repeatable.")
@click.option("--wait-timeout", type=click.FloatRange(min=0), help="Seconds to wait at most.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    file: Path,
    provider: str | None,
    key: str | None,
    output: Path | None,
    errors: Path | None,
    window: str,
    metadata: dict[str, str],
    wait_timeout: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Run FILE, a JSONL file of requests, as a batch: check, upload, create, wait, collect.

    Exit codes: 0 the batch is completed and every line accounted for (lines may
    have failed; they are in the errors file), 1 an error, 2 wrong usage, 3 the
    batch ended otherwise or lines have no result, 130 interrupted.
    """
    order = Order(
        file,
        key,
        window,
        metadata,
        output or file.with_name(f"{file.stem}.results.jsonl"),
        errors or file.with_name(f"{file.stem}.errors.jsonl"),
        wait_timeout,
        quiet,
    )
    for path in (order.results, order.errors):
        writable(path)
    with Client(provider) as client:
        checked = _checked(order.file, client.limits())
        batch = _submitted(client, order, checked)
        batch = _waited(client, order, checked, batch)
        completeness = _collected(client, order, batch)
    _summarise(order, batch, completeness, as_json)
    if batch.status != "completed" or not completeness.complete:
        raise SystemExit(EXIT_INCOMPLETE)


def _checked(file: Path, limits: Limits) -> FileCheck:
    checked = check_file(file, limits=limits)
    checked.raise_for_problems()
    if limits.one_model_per_file and len(checked.models) > 1:
        names = ", ".join(checked.models)
        raise InputError(
            f"the file names {len(checked.models)} models ({names}), and a batch takes one; "
            "split the file by model",
            code="mismatched_model",
            param="body.model",
        )
    return checked


def _submitted(client: Client, order: Order, checked: FileCheck) -> Batch:
    try:
        return _begun(client, order, checked)
    except KeyboardInterrupt:
        known = f"with key {order.key!r} the same command finds it" if order.key else "look it up"
        click.echo(f"\nInterrupted. A batch may have been created; {known}.", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None


def _begun(client: Client, order: Order, checked: FileCheck) -> Batch:
    """The batch: a new one, or the one that an earlier run with the same key began."""
    file_key = f"{order.key}\0{checked.digest}" if order.key else None
    if order.key:
        found = client.batches.find(order.key)
        if found is not None:
            _same_file(client, found, file_key or "")
            _say(order, f"taking up batch {found.id} of key {order.key!r}")
            return found
    _say(order, f"uploading {checked.lines} requests ({checked.bytes:,} bytes)")
    file = client.files.create(order.file, idempotency_key=file_key)
    batch = client.batches.create(
        file,
        checked.endpoint or "",
        order.window,
        metadata=order.metadata or None,
        models=tuple(checked.models),
        idempotency_key=order.key,
    )
    _say(order, f"batch {batch.id} of {file.id}")
    return batch


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


def _waited(client: Client, order: Order, checked: FileCheck, batch: Batch) -> Batch:
    try:
        with progress(checked.lines, quiet=order.quiet) as show:
            return client.batches.wait(batch, on_progress=show, wait_timeout=order.wait_timeout)
    except KeyboardInterrupt:
        click.echo(f"\nInterrupted. Batch {batch.id} goes on; {_resume(order)}", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None
    except BatchyardError:
        click.echo(f"Batch {batch.id}: {_resume(order)}", err=True)
        raise


def _resume(order: Order) -> str:
    if order.key:
        return f"run the same command again to take it up (key {order.key!r})."
    return "its results can be fetched by its id. With --key, a run can be taken up again."


def _collected(client: Client, order: Order, batch: Batch) -> Completeness:
    results = client.batches.results(batch, input_file=order.file)
    with ExitStack() as scope:
        outputs = scope.enter_context(Outputs.open(order.results, order.errors))
        for result in results:
            outputs.write(result)
    if results.completeness is None:
        raise InputError("the results ended early")
    return results.completeness


def _summarise(order: Order, batch: Batch, completeness: Completeness, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_record(order, batch, completeness), indent=2, ensure_ascii=False))
        return
    usage = completeness.usage
    click.echo(f"batch     {batch.id} {batch.status}")
    for error in (batch.errors.data if batch.errors else [])[:5]:
        where = f"line {error.line}: " if error.line else ""
        click.echo(f"          {where}{error.message} ({error.code})")
    click.echo(f"lines     {completeness}")
    known = "" if usage.known else " at least; some responses do not say"
    click.echo(
        f"tokens    {usage.total_tokens:,} = {usage.input_tokens:,} in "
        f"({usage.cached_tokens:,} cached) + {usage.output_tokens:,} out{known}"
    )
    click.echo(f"results   {order.results}")
    click.echo(f"errors    {order.errors}")


def _record(order: Order, batch: Batch, completeness: Completeness) -> dict[str, Any]:
    usage = completeness.usage
    return {
        "batch": batch.model_dump(mode="json"),
        "lines": completeness.lines,
        "outcomes": dict(completeness.outcomes),
        "duplicates": completeness.duplicates,
        "strangers": completeness.strangers,
        "malformed": completeness.malformed,
        "complete": completeness.complete,
        "usage": {
            "input_tokens": usage.input_tokens,
            "cached_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "known": usage.known,
        },
        "results": str(order.results),
        "errors": str(order.errors),
    }


def _say(order: Order, text: str) -> None:
    if not order.quiet:
        click.echo(text, err=True)
