"""Keeping the HTTP library's own records of our requests out of the logs.

It writes whole URLs, whose query may hold a signature, the headers of replies,
which may hold the address of an upload session, and a SOCKS proxy's password.
``batchyard.http`` says as much without them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["quiet"]

_ours: ContextVar[bool] = ContextVar("batchyard_request", default=False)


def _of_others(record: logging.LogRecord) -> bool:
    del record  # whose it is shows in the context, not in the record
    return not _ours.get()


for _name in ("httpx", "httpcore.http11", "httpcore.socks"):
    logging.getLogger(_name).addFilter(_of_others)


@contextmanager
def quiet() -> Iterator[None]:
    """What the HTTP library logs in here is dropped; what it logs for others is not."""
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)
