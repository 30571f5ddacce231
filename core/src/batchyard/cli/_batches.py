"""``batchyard batches``."""

from __future__ import annotations

from pathlib import Path

import click

from batchyard.cli._collecting import collect, to_stdout
from batchyard.cli._cost import cost
from batchyard.cli._failures import EXIT_INCOMPLETE, EXIT_INTERRUPTED
from batchyard.cli._listing import list_options, show_list, taken
from batchyard.cli._options import Where, debug_option, json_option, metadata_option, with_client
from batchyard.cli._output import echo, emit, note
from batchyard.cli._progress import progress
from batchyard.cli._result_files import distinct, writable
from batchyard.cli._summary import batch_row, show_batch

__all__ = ["command"]


@click.group("batches", short_help="Create, watch, cancel and read batches.")
def command() -> None:
    """Batches: the ledger's, where there is one, or the provider's own."""


command.add_command(cost)


@command.command("create", short_help="Create a batch of a file that is uploaded; print its id.")
@click.argument("file_id")
@click.option("--endpoint", required=True, help="For example /v1/chat/completions.")
@click.option("--window", default="24h", show_default=True, help="Completion window.")
@metadata_option
@click.option("--model", "models", multiple=True, help="Model of the lines, where one is asked.")
@click.option("--key", help="Idempotency key: a batch created with it is not created again.")
@with_client
@json_option
@debug_option
def create(
    where: Where,
    file_id: str,
    endpoint: str,
    window: str,
    metadata: dict[str, str],
    models: tuple[str, ...],
    key: str | None,
    as_json: bool,
) -> None:
    """Create a batch of the uploaded file FILE_ID, and print its id."""
    try:
        with where.client() as client:
            batch = client.batches.create(
                file_id,
                endpoint,
                window,
                metadata=metadata or None,
                models=models,
                idempotency_key=key,
            )
    except KeyboardInterrupt:
        again = "the same command finds it" if key else f"see: batchyard batches list{where}"
        note(f"\nInterrupted. A batch may have been created; {again}")
        raise SystemExit(EXIT_INTERRUPTED) from None
    if as_json:
        emit(batch.model_dump(mode="json"))
    else:
        echo(batch.id)


@command.command("get", short_help="Show a batch.")
@click.argument("batch_id")
@with_client
@json_option
@debug_option
def get(where: Where, batch_id: str, as_json: bool) -> None:
    """Show the batch BATCH_ID as it stands."""
    with where.client() as client:
        batch = client.batches.retrieve(batch_id)
    show_batch(batch, as_json=as_json)


@command.command("list", short_help="List batches, newest first.")
@list_options
@with_client
@json_option
@debug_option
def list_batches(where: Where, limit: int, every: bool, after: str | None, as_json: bool) -> None:
    """List batches, the newest first: id, status, lines done, date and endpoint."""
    with where.client() as client:
        found = taken(
            lambda size: client.batches.list(after=after, limit=size), None if every else limit
        )
    show_list(found, batch_row, as_json=as_json)


@command.command("cancel", short_help="Ask for a batch to be stopped.")
@click.argument("batch_id")
@with_client
@json_option
@debug_option
def cancel(where: Where, batch_id: str, as_json: bool) -> None:
    """Ask for the batch BATCH_ID to be stopped; lines that are done are kept, and paid for."""
    with where.client() as client:
        batch = client.batches.cancel(batch_id)
    show_batch(batch, as_json=as_json)


@command.command("wait", short_help="Wait for a batch's end.")
@click.argument("batch_id")
@click.option("--wait-timeout", type=click.FloatRange(min=0), help="Seconds to wait at most.")
@click.option("--quiet", is_flag=True, help="No progress.")
@with_client
@json_option
@debug_option
def wait(
    where: Where, batch_id: str, wait_timeout: float | None, quiet: bool, as_json: bool
) -> None:
    """Wait for the end of the batch BATCH_ID, and show it.

    Exit code 3 says that it ended, and is not completed.
    """
    try:
        with where.client() as client, progress(quiet=quiet) as show:
            batch = client.batches.wait(batch_id, on_progress=show, wait_timeout=wait_timeout)
    except KeyboardInterrupt:
        note(f"\nInterrupted. Batch {batch_id} goes on; the same command waits again.")
        raise SystemExit(EXIT_INTERRUPTED) from None
    show_batch(batch, as_json=as_json)
    if batch.status != "completed":
        raise SystemExit(EXIT_INCOMPLETE)


@command.command("results", short_help="Fetch the results of a batch that has ended.")
@click.argument("batch_id")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File for results; standard output."
)
@click.option(
    "--errors", type=click.Path(path_type=Path), help="File for the others; OUTPUT.errors.jsonl."
)
@click.option(
    "--input",
    "input_file",
    type=click.Path(path_type=Path),
    help="The input, if it is at hand; fetched otherwise.",
)
@with_client
@json_option
@debug_option
def results(
    where: Where,
    batch_id: str,
    output: Path | None,
    errors: Path | None,
    input_file: Path | None,
    as_json: bool,
) -> None:
    """Fetch one result line for each line of the batch BATCH_ID, in the order of the input.

    Without --output all lines go to standard output, and what they came to goes
    to standard error.  Exit code 3 says that the batch is not completed, or that
    lines have no result.
    """
    if output is None and (as_json or errors):
        raise click.UsageError("--json and --errors need --output")
    with where.client() as client:
        found = client.batches.results(batch_id, input_file=input_file)
        if output is None:
            whole = to_stdout(found)
        else:
            errors = errors or output.with_name(
                f"{output.name.removesuffix('.jsonl')}.errors.jsonl"
            )
            distinct(output, errors, *([input_file] if input_file else []))
            for path in (output, errors):
                writable(path)
            summary = collect(found, output, errors)
            summary.show(as_json=as_json)
            whole = summary.whole
    if not whole:
        raise SystemExit(EXIT_INCOMPLETE)
