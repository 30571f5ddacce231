"""Running the gateway as a server."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.types import ASGIApp

from batchyard.config import (
    FILE_VARIABLE,
    MASTER_KEY,
    Configuration,
    GatewaySettings,
    LedgerSettings,
    configured_ledger,
    load,
    resolve_gateway,
)
from batchyard.errors import ConfigError
from batchyard.gateway._application import application
from batchyard.gateway._edge import RequestIds
from batchyard.gateway._home import is_loopback
from batchyard.gateway._protocol import Options, Protocol
from batchyard.gateway._servers import end_with_parent, run, run_many
from batchyard.ledger import Ledger, Setup
from batchyard.registry import Registry

__all__ = ["check_exposure", "from_environment", "one_of_many", "options", "serve"]

LOGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "filters": {"request": {"()": "batchyard.gateway._edge.RequestIds"}},
    "handlers": {
        "error": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request"]}
    },
    "loggers": {
        "batchyard": {"handlers": ["error"], "level": "INFO", "propagate": False},
        "uvicorn": {"level": "CRITICAL"},
    },
}


def serve(
    settings: GatewaySettings,
    ledger: LedgerSettings,
    config: Configuration,
    registry: Registry,
    announce: Callable[[str], None],
) -> None:
    """Serve until told to stop, by a signal; *announce* hears the address.

    Raises :class:`ConfigError` where it may not listen as it is told to, or cannot.
    """
    check_exposure(settings)
    listener = _bound(settings)
    url = _url(listener)
    try:
        if settings.workers == 1:
            # what it says of a request, our own log says too
            logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
            for handler in logging.getLogger("batchyard").handlers:
                handler.addFilter(RequestIds())
            app = application(_maker(ledger, config, registry), settings)
            run(options(app, settings), listener, lambda: announce(url))
        else:
            # what cannot be opened is told here and once; and one migrates, not all of them
            asyncio.run(_opened_once(_maker(ledger, config, registry)))
            # who connects before they answer waits
            announce(url)
            os.environ |= _told(settings, ledger, config)
            run_many(options(f"{__name__}:one_of_many", settings), listener)
    finally:
        listener.close()


async def _opened_once(make: Callable[[], AbstractAsyncContextManager[Ledger]]) -> None:
    async with make():
        """It can be."""


def _told(
    settings: GatewaySettings, ledger: LedgerSettings, config: Configuration
) -> dict[str, str]:
    """What the processes have to know beside the file: options of the command stand above it."""
    said = {"BATCHYARD_LEDGER__URL": ledger.url, "BATCHYARD_LEDGER__STORE": str(ledger.store)}
    if config.path is not None:
        said[FILE_VARIABLE] = str(config.path)
    for name in ("host", "follow", "workers"):
        said[f"BATCHYARD_GATEWAY__{name.upper()}"] = str(getattr(settings, name))
    return said


def check_exposure(settings: GatewaySettings) -> None:
    """Raise :class:`ConfigError` for a gateway that others reach and that asks nobody for a key."""
    if settings.master_key is None and not is_loopback(settings.host):
        raise ConfigError(
            f"the gateway would listen at {settings.host}, where others reach it, without a master "
            f"key: set {MASTER_KEY}, or gateway.master_key (`openssl rand -hex 32` makes one)",
            param="master_key",
        )


def _maker(
    ledger: LedgerSettings, config: Configuration, registry: Registry
) -> Callable[[], AbstractAsyncContextManager[Ledger]]:
    # nothing that is asked for is to wait for a settlement
    settings = ledger.model_copy(update={"settle_in_process": True})
    return lambda: Ledger(settings, Setup(config=config, registry=registry, keeper=True))


def options(app: ASGIApp | str, settings: GatewaySettings) -> Options:
    """How uvicorn is to serve it; a text names what makes the application."""
    made = Options(
        app,
        http=Protocol,
        factory=isinstance(app, str),
        workers=settings.workers,
        ws="none",
        lifespan="on",
        # each of several processes has a log of its own to set up
        log_config=LOGS if isinstance(app, str) else None,
        access_log=False,
        server_header=False,
        # who calls is told by the socket: a header that says otherwise is anybody's
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(settings.drain)),
        # a process that starts on a busy machine is not one that hangs
        timeout_worker_healthcheck=60,
    )
    made.idle = settings.idle_timeout
    return made


def _bound(settings: GatewaySettings) -> socket.socket:
    host = settings.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # naming the protocol makes asyncio switch Nagle's algorithm off, which costs 40 ms a reply
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, settings.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen at {settings.host}:{settings.port}: {error.strerror or error}",
            param="port",
        ) from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def from_environment() -> ASGIApp:
    """The application as the configuration has it, for a server of one's own.

    ``uvicorn --factory batchyard.gateway:from_environment``

    Raises :class:`ConfigError` where ``gateway.host`` is an address that others reach and
    there is no master key.  Where the server listens is its own affair: without any key,
    requests that do not come from this machine are refused, and those by a UNIX socket.
    """
    registry = Registry()
    config = load(registry.environ)
    settings = resolve_gateway(registry, config)
    check_exposure(settings)
    return application(_maker(configured_ledger(registry, config), config, registry), settings)


def one_of_many() -> ASGIApp:
    """The same, in a process that ends when the one is gone that has begun it."""
    end_with_parent()
    return from_environment()
