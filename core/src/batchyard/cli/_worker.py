"""``batchyard worker``."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._ledgers import configured, settings_of
from batchyard.cli._options import Where, debug_option, json_option, logs, with_ledger
from batchyard.cli._output import echo, note

if TYPE_CHECKING:
    from batchyard.ledger import Ledger

__all__ = ["command"]

DUTIES = ("submit", "poll", "settle", "deliver", "clean")


def _duties(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    if value is None:
        return DUTIES
    named = [one.strip() for one in value.split(",")]
    unknown = [one for one in named if one not in DUTIES]
    if unknown:
        said = f"there is no duty {unknown[0]!r}; there are: {', '.join(DUTIES)}"
        raise click.BadParameter(said, ctx, param)
    return tuple(one for one in DUTIES if one in named)


@click.command("worker", short_help="Follow the ledger's batches until stopped.")
@click.option(
    "--only",
    "duties",
    metavar="DUTY,…",
    callback=_duties,
    help="Do only this, of submit, poll, settle, deliver and clean.",
)
@with_ledger
@json_option
@debug_option
def command(where: Where, duties: tuple[str, ...], as_json: bool) -> None:
    """Follow the ledger's batches: send, watch and settle them, deliver events, clean up.

    Ctrl-C or SIGTERM stops it when it has done what it is at; a second one at
    once.  On Postgres there may be any number of workers; what one that dies was
    at another takes up.
    """
    with logs(logging.INFO, "%(asctime)s %(levelname)s %(message)s"):
        done = asyncio.run(_work(where, duties, as_json=as_json))
    if not done:
        note("Stopped before all was done; another worker takes it up.")
        raise SystemExit(EXIT_ERROR)


async def _work(where: Where, duties: tuple[str, ...], *, as_json: bool) -> bool:
    from batchyard.ledger import Ledger, Setup
    from batchyard.ledger.working import work

    registry, config = configured(where)
    # who delivers says which sinks there are: one that is gone from here gets no more
    keeper = "deliver" in duties
    setup = Setup(config=config, registry=registry, duties=duties, keeper=keeper)
    async with Ledger(settings_of(where), setup) as ledger:
        with _stopping() as stop:
            await _say(ledger, duties, as_json=as_json)
            done = await work(ledger, stop)
    note("Stopped." if done else "Stopping took too long.")
    return done


async def _say(ledger: Ledger, duties: tuple[str, ...], *, as_json: bool) -> None:
    from batchyard.ledger.database import schema_of

    place = (await schema_of(ledger.settings.url)).ledger
    name = ledger.parts.holder
    if as_json:
        echo(json.dumps({"worker": name, "ledger": place, "duties": list(duties)}))
    else:
        note(f"worker {name} follows {place}: {', '.join(duties)}")


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """Set by the first signal; the second does what it always does."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def stopped() -> None:
        release()
        note("Stopping when it is done with what it is at; again stops at once.")
        stop.set()

    def release() -> None:
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(one)

    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, stopped)
    try:
        yield stop
    finally:
        release()
