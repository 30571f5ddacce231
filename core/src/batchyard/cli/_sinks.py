"""``batchyard sinks``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._ledgers import configured, installed, on_database
from batchyard.cli._options import Where, debug_option, json_option, with_account, with_ledger
from batchyard.cli._output import echo, emit, moment, note, table
from batchyard.cli._sample import sample_event, sample_line
from batchyard.config import SinkSettings, configured_sink, masked
from batchyard.errors import BatchyardError, ConfigError
from batchyard.models import BatchEvent
from batchyard.registry import Sink

if TYPE_CHECKING:
    from batchyard.ledger.database import Database
    from batchyard.ledger.outbox import Backlog

__all__ = ["command"]


@click.group("sinks", short_help="See what events go to, try it, hold it back, and what waits.")
def command() -> None:
    """What events are delivered to: the subscriptions that are configured as [sinks.NAME]."""


@command.command("list", short_help="List the sinks, configured and known to the ledger.")
@with_ledger
@json_option
@debug_option
def list_sinks(where: Where, as_json: bool) -> None:
    """List the sinks that are configured, and those of which the ledger keeps events.

    A state is active, paused, gone (the worker's configuration has it no more), new
    (no worker has seen it yet) or broken.  Exit code 1 if one is broken.
    """
    known = {one.name: one for one in _backlog(where)}
    rows = [_row(where, name, known) for name in sorted({*known, *_names(where)})]
    if as_json:
        emit({"object": "list", "data": rows})
    elif rows:
        table(
            (one["name"], one["sink"], one["state"], _waits(one), one["problem"] or _what(one))
            for one in rows
        )
    else:
        echo("No sink is configured.")
    if any(one["problem"] for one in rows):
        raise SystemExit(EXIT_ERROR)


@command.command("test", short_help="Deliver a sample to a sink, at once.")
@click.argument("name")
@with_account
@json_option
@debug_option
def test(name: str, where: Where, as_json: bool) -> None:
    """Deliver a sample event to the sink NAME, and a line where it wants lines.

    It is of a batch that is called batch_sample and does not exist, and has an id
    that begins with evt_sample_.  No ledger is needed.  Exit code 1 if it fails.
    """
    registry, config = configured(where)
    settings = configured_sink(registry, config, name)
    sink = registry.sink(settings.sink, settings.settings)
    began = time.monotonic()
    try:
        event_id = asyncio.run(_sample(settings, sink))
    except BatchyardError as error:
        raise ConfigError(f"the sink {name!r} did not take it: {error}", param="name") from error
    seconds = round(time.monotonic() - began, 3)
    if as_json:
        emit({"ok": True, "name": name, "event": event_id, "seconds": seconds})
    else:
        echo(f"{name} took {event_id} in {seconds:.3f} s.")


@command.command("pause", short_help="Deliver nothing to a sink for now.")
@click.argument("name")
@with_ledger
@json_option
@debug_option
def pause(name: str, where: Where, as_json: bool) -> None:
    """Deliver nothing to the sink NAME until it is resumed, by any worker.

    Events go on being kept for it, and arrive later, in their order.
    """
    from batchyard.ledger.outbox import pause as held

    changed = on_database(where, lambda db: held(db, name))
    _said(name, "paused", changed=changed, as_json=as_json)


@command.command("resume", short_help="Deliver to a sink again.")
@click.argument("name")
@with_ledger
@json_option
@debug_option
def resume(name: str, where: Where, as_json: bool) -> None:
    """Deliver to the sink NAME again, first what has waited."""
    from batchyard.ledger.outbox import resume as let_go

    changed = on_database(where, lambda db: let_go(db, name))
    _said(name, "active", changed=changed, as_json=as_json)


@command.command("backlog", short_help="Show what waits for each sink.")
@click.argument("name", required=False)
@with_ledger
@json_option
@debug_option
def backlog(name: str | None, where: Where, as_json: bool) -> None:
    """Show what waits for each sink, or for the one called NAME, since when, and why.

    ``batchyard events list --subscription NAME`` has each event.
    """
    from batchyard.ledger.outbox import backlog as waiting

    found = on_database(where, waiting)
    if name is not None:
        found = [one for one in found if one.name == name]
        if not found:
            raise ConfigError(f"the ledger knows no subscription {name!r}", param="name")
    if as_json:
        emit({"object": "list", "data": [asdict(one) for one in found]})
        return
    table(
        (
            one.name,
            _state(one),
            f"{one.pending} pending",
            f"{one.failing} failing",
            f"{one.dead} dead",
            moment(one.oldest),
            one.error,
        )
        for one in found
    )
    if not found:
        note("The ledger knows no subscription.")


async def _sample(settings: SinkSettings, sink: Sink) -> str:
    event = sample_event(settings.events[0] if settings.events else "batch_success")
    if settings.lines and sink.takes_lines and isinstance(event, BatchEvent):
        await sink.deliver_lines(event, (sample_line(bodies=settings.bodies),))
    await sink.deliver(event)
    return event.id


def _said(name: str, state: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        emit({"name": name, "state": state, "changed": changed})
    else:
        echo(f"{name} is {state}." if changed else f"{name} was {state} already.")


def _names(where: Where) -> tuple[str, ...]:
    return configured(where)[1].names_of("sinks")


def _backlog(where: Where) -> list[Backlog]:
    """What the ledger says, if there is one."""
    if not installed():
        return []
    from batchyard.ledger.database import schema_of
    from batchyard.ledger.outbox import backlog as waiting

    async def read(db: Database) -> list[Backlog]:
        return await waiting(db)

    from batchyard.cli._ledgers import settings_of

    url = where.ledger if isinstance(where.ledger, str) else settings_of(where).url
    if asyncio.run(schema_of(url)).state == "none":
        return []
    return on_database(where, read)


def _row(where: Where, name: str, known: Mapping[str, Backlog]) -> dict[str, Any]:
    registry, config = configured(where)
    kept = known.get(name)
    row: dict[str, Any] = {
        "name": name,
        "sink": kept.sink if kept else None,
        "state": _state(kept) if kept else "new",
        "pending": kept.pending if kept else 0,
        "dead": kept.dead if kept else 0,
        "settings": None,
        "problem": None,
    }
    if name not in config.names_of("sinks"):
        return row
    try:
        settings = configured_sink(registry, config, name)
    except BatchyardError as error:
        return {**row, "state": "broken", "problem": error.message}
    shown = masked(settings)
    own = {key: shown[key] for key in ("events", "lines", "bodies", "redact", "rate")}
    return {**row, "sink": settings.sink, "settings": own}


def _state(one: Backlog) -> str:
    if not one.active:
        return "gone"
    return "active" if one.paused_at is None else "paused"


def _waits(row: Mapping[str, Any]) -> str:
    return f"{row['pending']} pending, {row['dead']} dead"


def _what(row: Mapping[str, Any]) -> str:
    settings = row["settings"]
    if settings is None:
        return "not configured here"
    events = ", ".join(settings["events"]) or "all events"
    return f"{events}; {settings['lines']:.0%} of lines" if settings["lines"] else events
