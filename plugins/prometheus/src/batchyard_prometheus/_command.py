"""``batchyard prometheus``: the ledger's metrics, served."""

from __future__ import annotations

import asyncio
import os
import signal
from importlib.resources import files
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from batchyard.config import LedgerSettings, resolve_ledger
from batchyard.errors import ConfigError
from batchyard.ledger.database import Database
from batchyard.registry import Registry
from batchyard_prometheus.collector import LedgerCollector

__all__ = ["command"]

SHARED = "PROMETHEUS_MULTIPROC_DIR"


@click.group("prometheus", short_help="Serve metrics for Prometheus.")
def command() -> None:
    """Metrics of the configured ledger."""


@command.command("serve", short_help="Serve /metrics.")
@click.option(
    "--config", metavar="PATH", type=click.Path(path_type=Path), help="In place of batchyard.toml."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", default=9464, show_default=True, type=click.IntRange(0, 65535), help="And the port."
)
@click.option(
    "--most",
    default=100,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Models, accounts and teams that are told apart.",
)
def serve(config: Path | None, host: str, port: int, most: int) -> None:
    """Serve the ledger's metrics until told to stop: one such process is enough.

    It asks nobody for a key, so keep it where only Prometheus comes.  With
    PROMETHEUS_MULTIPROC_DIR, the same folder for all processes, it shows what
    they count of HTTP too.
    """
    settings = resolve_ledger(Registry(), config=config)
    if settings is None:
        raise ConfigError("no ledger is configured", param="ledger")
    asyncio.run(_serve(settings, host, port, most))


@command.command("alerts", short_help="Print rules for alerts.")
def alerts() -> None:
    """Print rules for Prometheus: stalled, unpriced, dead letters, and the like."""
    click.echo(_file("alerts.yml"), nl=False)


@command.command("dashboard", short_help="Print a dashboard for Grafana.")
def dashboard() -> None:
    """Print a dashboard, to be imported into Grafana."""
    click.echo(_file("dashboard.json"), nl=False)


def _file(name: str) -> str:
    return (files("batchyard_prometheus") / name).read_text("utf-8")


async def _serve(settings: LedgerSettings, host: str, port: int, most: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Database(settings.url, migrate=False) as db:
        registry = CollectorRegistry()
        registry.register(LedgerCollector(db, loop, most=most))
        if os.environ.get(SHARED):
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it says nothing of types
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise ConfigError(
                f"cannot listen at {host}:{port}: {error.strerror or error}", param="port"
            ) from error
        click.echo(f"metrics are at http://{host}:{server.server_port}/metrics")
        try:
            await stop.wait()
        finally:
            # in a thread, for a scrape under way needs the loop
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            await asyncio.to_thread(thread.join)
