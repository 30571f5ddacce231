"""``batchyard serve``."""

from __future__ import annotations

import logging

import click

from batchyard.cli._ledgers import configured, settings_of
from batchyard.cli._options import Where, debug_option, logs, with_ledger
from batchyard.cli._output import note

__all__ = ["command"]


@click.command("serve", short_help="Serve a files and batches API to many clients.")
@click.option("--host", help="Listen at this address (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Listen at this port (default: 4000).")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer (default: 1).")
@click.option(
    "--follow/--no-follow",
    default=None,
    help="Follow the batches too (default), or leave that to `batchyard worker`.",
)
@with_ledger
@debug_option
def command(
    where: Where, host: str | None, port: int | None, workers: int | None, follow: bool | None
) -> None:
    """Serve OpenAI's files and batches API: point your clients' base URL at it.

    Without a ledger in the configuration it keeps your own. Ctrl-C or SIGTERM
    stops it when it has answered what it was asked; a second one at once.
    """
    from batchyard.config import resolve_gateway
    from batchyard.gateway import check_exposure, serve

    registry, config = configured(where)
    given = {"host": host, "port": port, "workers": workers, "follow": follow}
    settings = resolve_gateway(registry, config).model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    check_exposure(settings)
    ledger = settings_of(where)
    with logs(logging.INFO, "%(asctime)s %(levelname)s %(message)s"):
        serve(settings, ledger, config, registry, lambda url: note(f"Serving at {url}/v1"))
