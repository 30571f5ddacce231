"""``batchyard events``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from batchyard.cli._ledgers import on_database
from batchyard.cli._options import Where, debug_option, json_option, with_account_and_ledger
from batchyard.cli._output import echo, emit, moment, note, table

if TYPE_CHECKING:
    from batchyard.ledger.database import Database
    from batchyard.ledger.outbox import EventRecord

__all__ = ["command"]

PAGE = 1000
"""Events that are read at a time."""


@click.group("events", short_help="See what happened and was delivered; deliver again.")
def command() -> None:
    """Events that the ledger keeps, and their deliveries to the configured sinks."""


_batch = click.option("--batch", metavar="ID", help="Events of this batch or file.")
_event = click.option("--event", metavar="ID", help="This event.")
_sink = click.option("--subscription", metavar="NAME", help="Deliveries to this sink.")
_dead = click.option("--dead", is_flag=True, help="Only what was given up.")


@command.command("list", short_help="List events, newest first, with their deliveries.")
@_batch
@_event
@_sink
@_dead
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many to list at most.",
)
@click.option("--all", "every", is_flag=True, help="List all; --limit does not count.")
@click.option("--after", type=int, metavar="NUMBER", help="Begin behind this one.")
@with_account_and_ledger
@json_option
@debug_option
def list_events(
    batch: str | None,
    event: str | None,
    subscription: str | None,
    dead: bool,
    limit: int,
    every: bool,
    after: int | None,
    where: Where,
    as_json: bool,
) -> None:
    """List the events of the ledger, newest first, with what became of their deliveries.

    --account lists those of one account.  The error of a delivery is in --json.
    """
    from batchyard.ledger.outbox import Chosen
    from batchyard.ledger.outbox import list_events as page_of

    chosen = Chosen(batch, event, where.account, subscription=subscription, dead=dead)

    async def read(db: Database) -> list[EventRecord]:
        found: list[EventRecord] = []
        wanted = None if every else limit + 1
        while wanted is None or len(found) < wanted:
            last = found[-1].number if found else after
            size = PAGE if wanted is None else min(PAGE, wanted - len(found))
            page = await page_of(db, chosen, after=last, limit=size)
            found += page
            if len(page) < size:
                break
        return found

    found = on_database(where, read)
    shown = found if every else found[:limit]
    _show(shown, more=len(shown) < len(found), as_json=as_json)


@command.command("replay", short_help="Have events delivered again.")
@_batch
@_event
@_sink
@_dead
@with_account_and_ledger
@json_option
@debug_option
def replay(
    batch: str | None,
    event: str | None,
    subscription: str | None,
    dead: bool,
    where: Where,
    as_json: bool,
) -> None:
    """Have the chosen events delivered again, and to a new sink for the first time.

    Choose by at least one of --batch, --event, --subscription, --account and --dead.
    A worker delivers them; their ids stay the same.
    """
    from batchyard.ledger.outbox import Chosen
    from batchyard.ledger.outbox import replay as replayed

    chosen = Chosen(batch, event, where.account, subscription=subscription, dead=dead)
    if chosen == Chosen():
        raise click.UsageError("Say which: --batch, --event, --subscription, --account or --dead.")
    count = on_database(where, lambda db: replayed(db, chosen))
    if as_json:
        emit({"due": count})
    else:
        echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} due.")


def _show(records: list[EventRecord], *, more: bool, as_json: bool) -> None:
    if as_json:
        emit({"object": "list", "data": [_record(one) for one in records], "has_more": more})
        return
    table(_row(one) for one in records)
    if more:
        note("There are more: --limit or --all lists them.")


def _record(one: EventRecord) -> dict[str, Any]:
    return {
        "number": one.number,
        "subject": one.subject,
        "seq": one.seq,
        "owner": one.owner,
        "event": one.body,
        "deliveries": [asdict(delivery) for delivery in one.deliveries],
    }


def _row(one: EventRecord) -> tuple[object, ...]:
    states = Counter(delivery.state for delivery in one.deliveries)
    delivered = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    body = one.body
    return one.number, moment(body["at"]), body["type"], one.subject, body["id"], delivered or None
