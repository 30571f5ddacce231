"""What went wrong in the database, as one of our errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from batchyard.errors import BatchyardError, ConfigError, LedgerUnavailableError
from batchyard.ledger.database._addresses import Address

__all__ = ["UNUSABLE", "Stage", "understood"]

UNUSABLE = "ledger_unusable"
"""The code of an error that only an operator can mend."""

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
_UNUSABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}

_PASSING = ("08", "40", "53", "55P03", "57", "58", "25P03")
"""SQLSTATEs, or classes of them, that say nothing against trying again
(PostgreSQL documentation, appendix A).
"""

_REFUSED = ("28", "3D")
"""Those that say that the address is wrong: authorisation, no such database."""


@dataclass(slots=True)
class Stage:
    """How far it came.

    Before a connection stands any failure of the operating system's is the
    database's; after it only what can come from nowhere else.
    """

    connected: bool = False


@contextmanager
def understood(address: Address) -> Iterator[Stage]:
    """Raise our own errors in place of what drivers raise, where one of ours says it."""
    stage = Stage()
    try:
        yield stage
    except (SQLAlchemyError, OSError, sqlite3.Error) as error:
        said = _ours(error, address, stage)
        if said is None:
            raise
        raise said from error


def _ours(error: Exception, address: Address, stage: Stage) -> BatchyardError | None:
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error, address)
    if isinstance(error, DBAPIError):
        return _of_driver(error, address)
    if isinstance(error, PoolTimeoutError):
        return LedgerUnavailableError(f"the ledger {address.shown} is busy: no free connection")
    telling = (ConnectionError, TimeoutError) if stage.connected else OSError
    if address.path is None and isinstance(error, telling):
        return _unreachable(error, address)
    return None


def _of_driver(error: DBAPIError, address: Address) -> BatchyardError | None:
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig, address)
    state = getattr(error.orig, "sqlstate", None) or ""
    cause = (error.orig.__cause__ if error.orig else None) or error.orig or error
    if state.startswith(_REFUSED):
        said = _safe(cause, address)
        return _unusable(f"the ledger {address.shown} cannot be opened: {said}")
    if error.connection_invalidated or state.startswith(_PASSING):
        return _unreachable(cause, address)
    return None


def _of_sqlite(error: sqlite3.Error, address: Address) -> BatchyardError | None:
    # what the module says of itself has no code: "Cannot operate on a closed database"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _BUSY:
        return LedgerUnavailableError(f"the ledger {address.shown} is busy: others write to it")
    if code in _FULL:
        return LedgerUnavailableError(f"the ledger {address.shown} cannot be written: {error}")
    if code in _UNUSABLE:
        return _unusable(f"the ledger {address.shown} cannot be used: {error}")
    return None


def _unusable(said: str) -> ConfigError:
    return ConfigError(said, code=UNUSABLE)


def _unreachable(cause: BaseException, address: Address) -> LedgerUnavailableError:
    said = _safe(cause, address) or type(cause).__name__
    return LedgerUnavailableError(f"the ledger's database {address.shown} is unreachable: {said}")


def _safe(cause: BaseException, address: Address) -> str:
    """What the driver says.  Its words are not ours to vouch for, so the password is looked for."""
    said = str(cause)
    for secret in (address.url.password, address.url.query.get("password")):
        if secret:
            said = said.replace(str(secret), "***")
    return said
