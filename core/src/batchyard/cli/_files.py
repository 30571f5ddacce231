"""``batchyard files``."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchyard.cli._failures import EXIT_INTERRUPTED
from batchyard.cli._listing import list_options, show_list, taken
from batchyard.cli._options import Where, debug_option, json_option, with_client
from batchyard.cli._output import details, echo, emit, moment, note
from batchyard.cli._progress import download
from batchyard.cli._result_files import writable
from batchyard.errors import NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from batchyard.client import Client
    from batchyard.models import FileObject

__all__ = ["command"]


@click.group("files", short_help="Upload, list, fetch and delete files.")
def command() -> None:
    """Files: those staged in the ledger's store, where there is one, or the provider's own."""


@command.command("upload", short_help="Upload FILE and print its id.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--purpose", default="batch", show_default=True, help="What the file is for.")
@click.option(
    "--expires-after", type=click.IntRange(min=1), metavar="SECONDS", help="Deleted after that."
)
@click.option("--key", help="Idempotency key: a file uploaded with it is not uploaded again.")
@with_client
@json_option
@debug_option
def upload(
    where: Where,
    file: Path,
    purpose: str,
    expires_after: int | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Upload FILE, and print the id that it got."""
    try:
        with where.client() as client:
            stored = client.files.create(
                file, purpose, expires_after=expires_after, idempotency_key=key
            )
    except KeyboardInterrupt:
        again = "the same command finds it" if key else f"see: batchyard files list{where}"
        note(f"\nInterrupted. The file may have been stored; {again}")
        raise SystemExit(EXIT_INTERRUPTED) from None
    if as_json:
        emit(stored.model_dump(mode="json"))
    else:
        echo(stored.id)


@command.command("get", short_help="Show a file's description.")
@click.argument("file_id")
@with_client
@json_option
@debug_option
def get(where: Where, file_id: str, as_json: bool) -> None:
    """Show what the provider says of the file FILE_ID."""
    with where.client() as client:
        file = client.files.retrieve(file_id)
    if as_json:
        emit(file.model_dump(mode="json"))
        return
    details(
        [
            ("id", file.id),
            ("name", file.filename),
            ("bytes", file.bytes),
            ("purpose", file.purpose),
            ("status", file.status),
            ("created", moment(file.created_at)),
            ("expires", moment(file.expires_at)),
        ]
    )


@command.command("list", short_help="List files, newest first.")
@list_options
@click.option("--purpose", help="Only files with this purpose.")
@with_client
@json_option
@debug_option
def list_files(
    where: Where, limit: int, every: bool, after: str | None, purpose: str | None, as_json: bool
) -> None:
    """List files, the newest first: id, bytes, date, purpose and name."""
    with where.client() as client:
        found = taken(
            lambda size: client.files.list(after=after, limit=size, purpose=purpose),
            None if every else limit,
        )
    show_list(found, _row, as_json=as_json)


def _row(file: FileObject) -> tuple[object, ...]:
    return (file.id, file.bytes, moment(file.created_at), file.purpose, file.filename)


@command.command("delete", short_help="Delete files.")
@click.argument("file_ids", nargs=-1, required=True, metavar="FILE_ID…")
@with_client
@json_option
@debug_option
def delete(where: Where, file_ids: tuple[str, ...], as_json: bool) -> None:
    """Delete the files FILE_ID…; it stops at the first that cannot be deleted."""
    gone = []
    with where.client() as client:
        try:
            for file_id in file_ids:
                gone.append(client.files.delete(file_id))
                if not as_json:
                    echo(f"deleted {gone[-1].id}")
        finally:
            if as_json:
                emit({"object": "list", "data": [one.model_dump(mode="json") for one in gone]})


@command.command("report", short_help="Show what gates made of a file.")
@click.argument("file_id")
@with_client
@json_option
@debug_option
def report(where: Where, file_id: str, as_json: bool) -> None:
    """Show which lines of the file FILE_ID gates refused and rewrote, and why."""
    with where.client() as client:
        found = client.files.report(file_id)
    if as_json:
        emit(found.model_dump(mode="json"))
        return
    echo(f"lines {found.lines}, refused {found.refused}, rewritten {found.rewritten}")
    for gate in found.gates:
        for one in gate.reasons:
            times = f", {one.count} times" if one.count != one.lines else ""
            first = ", ".join(str(example.line) for example in one.examples)
            more = ", …" if one.lines > len(one.examples) else ""
            done = {"refuse": "refused", "rewrite": "rewrote"}[one.action]
            echo(f"{gate.gate} {done} {one.lines}: {one.reason}{times} (lines {first}{more})")


@command.command("content", short_help="Fetch a file's content.")
@click.argument("file_id")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Where to write it, whole or not at all; standard output otherwise.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
@with_client
@json_option
@debug_option
def content(where: Where, file_id: str, output: Path | None, quiet: bool, as_json: bool) -> None:
    """Fetch the content of the file FILE_ID, to standard output or to a file."""
    if output is None:
        if as_json:
            raise click.UsageError("--json says what was written, so it needs --output")
        _print(where, file_id)
        return
    writable(output)
    try:
        with where.client() as client, download(_size(client, file_id), quiet=quiet) as show:
            size = client.files.content(file_id).save(output, progress=show)
    except KeyboardInterrupt:
        note(f"\nInterrupted. {output} was not written; the same command begins again.")
        raise SystemExit(EXIT_INTERRUPTED) from None
    if as_json:
        emit({"id": file_id, "path": str(output), "bytes": size})
    else:
        note(f"{size:,} bytes in {output}")


def _print(where: Where, file_id: str) -> None:
    stream = sys.stdout.buffer
    with where.client() as client:
        for piece in client.files.content(file_id):
            stream.write(piece)
    stream.flush()


def _size(client: Client, file_id: str) -> int | None:
    """For the bar alone: where it is not known, the bar has no end."""
    with contextlib.suppress(NotFoundError, UnsupportedError):
        return client.files.retrieve(file_id).bytes
    return None
