"""``batchyard ledger``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._ledgers import on_database, on_ledger, settings_of
from batchyard.cli._listing import show_list
from batchyard.cli._options import (
    Where,
    debug_option,
    json_option,
    with_account_and_ledger,
    with_ledger,
)
from batchyard.cli._output import details, echo, emit, moment, note, table
from batchyard.cli._summary import batch_row
from batchyard.models import Batch

if TYPE_CHECKING:
    from batchyard.ledger import Ledger
    from batchyard.ledger.database import Schema
    from batchyard.ledger.parking import Parked

__all__ = ["command"]

_MEANING = {
    "current": "up to date",
    "none": "there is no ledger yet: run batchyard ledger migrate",
    "old": "older than this version of batchyard: run batchyard ledger migrate",
    "unknown": "made by a newer version of batchyard: upgrade batchyard",
}


@click.group("ledger", short_help="See to the ledger's database.")
def command() -> None:
    """The ledger: the durable record of files, batches and what they cost."""


@command.command("status", short_help="Show which schema the ledger's database has.")
@with_ledger
@json_option
@debug_option
def status(where: Where, as_json: bool) -> None:
    """Show which schema the ledger's database has.  Nothing is changed.

    Exit code 1 says that it cannot be used as it is.
    """
    from batchyard.ledger.database import schema_of

    found = asyncio.run(schema_of(_url(where)))
    _show(found, as_json=as_json)
    if found.state != "current":
        raise SystemExit(EXIT_ERROR)


@command.command("migrate", short_help="Bring the ledger's database up to date.")
@with_ledger
@json_option
@debug_option
def migrate(where: Where, as_json: bool) -> None:
    """Bring the ledger's database up to date, or make it.

    Needed where migrate = false is configured; otherwise whoever opens the
    ledger does it.  All of it is done or nothing, and others wait meanwhile.
    """
    from batchyard.ledger.database import migrate as apply
    from batchyard.ledger.database import schema_of

    url = _url(where)
    before = asyncio.run(schema_of(url))
    after = asyncio.run(apply(url))
    _show(after, as_json=as_json)
    if before.version == after.version and not as_json:
        note("There was nothing to do.")


@command.command("rebuild", short_help="Recover what is at the provider after a ledger was lost.")
@with_account_and_ledger
@json_option
@debug_option
def rebuild(where: Where, as_json: bool) -> None:
    """Take the account's batches into the ledger that a ledger, now lost, has sent there.

    All of the account's batches are looked through; others than those of a
    ledger are left alone, and those that are there already.  They are settled
    anew by whoever follows them.  Owners and idempotency keys stay lost.
    """
    if where.account is None:
        raise click.UsageError(
            "Missing option '--account': whose batches are to be looked through?"
        )

    async def rebuilt(ledger: Ledger) -> Sequence[Batch]:
        found = await ledger.rebuild(account=where.account)
        await ledger.outbox.flush(subjects=[one.id for one in found])
        return found

    found = list(on_ledger(where, rebuilt))
    show_list((found, False), batch_row, as_json=as_json)
    if not as_json:
        note(f"{len(found)} {'batch is' if len(found) == 1 else 'batches are'} taken over.")


@command.command("parked", short_help="List the accounts that are sent nothing for a while.")
@with_ledger
@json_option
@debug_option
def parked(where: Where, as_json: bool) -> None:
    """List the accounts that asked to be left alone, as for a day's quota, and until when.

    With how many jobs wait for each.  Nothing is sent there until then; ledger
    unpark ends it earlier.
    """
    from batchyard.ledger.parking import parked as found_in

    found = on_database(where, found_in)
    if as_json:
        emit({"parked": [_parked(one) for one in found]})
    elif found:
        table((one.account, f"until {moment(one.until)}", _jobs(one, "wait")) for one in found)
    else:
        echo("No account is parked.")


@command.command("unpark", short_help="Send an account batches again before it is due.")
@click.argument("name")
@with_ledger
@json_option
@debug_option
def unpark(where: Where, name: str, as_json: bool) -> None:
    """Send the account NAME batches again, although it asked to be left alone for longer.

    For when its quota was raised, or the provider was wrong.  What waits is
    tried at once by whoever follows it; an account that asks again is left
    alone again.  Exit code 1 says that it is not parked.
    """
    from batchyard.ledger.parking import unpark as end

    found = on_database(where, lambda db: end(db, name))
    if as_json:
        emit(_parked(found))
        return
    echo(f"{name} is sent batches again; {_jobs(found, 'are due')}.")


def _parked(found: Parked) -> dict[str, object]:
    return {"account": found.account, "until": moment(found.until), "jobs": found.jobs}


def _jobs(found: Parked, do: str) -> str:
    one = {"wait": "waits", "are due": "is due"}[do]
    return f"1 job {one}" if found.jobs == 1 else f"{found.jobs} jobs {do}"


def _url(where: Where) -> str:
    # the schema is all that is asked about: a store need not be known
    return where.ledger if isinstance(where.ledger, str) else settings_of(where).url


def _show(found: Schema, *, as_json: bool) -> None:
    if as_json:
        emit(asdict(found))
        return
    details(
        (
            ("ledger", found.ledger),
            ("schema", found.version),
            ("state", _MEANING[found.state]),
        )
    )
