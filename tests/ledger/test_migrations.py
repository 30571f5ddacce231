from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text, update
from sqlalchemy import table as sql_table
from sqlalchemy.sql import column

from batchyard.errors import ConfigError
from batchyard.ledger import migrations
from batchyard.ledger.database import Database, migrate, schema_of
from batchyard.ledger.database._addresses import parse
from batchyard.ledger.database._connections import migration_engine
from batchyard.ledger.migrations import CURRENT, REVISIONS, VERSION_TABLE
from batchyard.ledger.tables import metadata
from tests.ledger.processes import forked

pytestmark = pytest.mark.anyio

Plain = dict[str, Any]


async def inside(url: str, look: Callable[[Connection], Any]) -> Any:
    engine = migration_engine(parse(url))
    try:
        async with engine.begin() as conn:
            return await conn.run_sync(look)
    finally:
        await engine.dispose()


def shape(conn: Connection) -> Plain:
    """Everything that the database says of its tables, in no order that matters."""
    inspector = inspect(conn)
    return {
        name: {
            "columns": {
                one["name"]: (str(one["type"]), one["nullable"], one["default"])
                for one in inspector.get_columns(name)
            },
            "key": inspector.get_pk_constraint(name),
            "unique": by_name(inspector.get_unique_constraints(name)),
            "foreign": by_name(inspector.get_foreign_keys(name)),
            "indexes": by_name(inspector.get_indexes(name)),
        }
        for name in inspector.get_table_names()
        if name != VERSION_TABLE
    }


def by_name(found: list[Any]) -> list[Any]:
    return sorted(found, key=lambda one: str(one["name"]))


async def test_the_migrated_schema_is_that_of_the_tables(empty_url: str) -> None:
    async with Database(empty_url):
        pass

    def differences(conn: Connection) -> list[Any]:
        options = {"compare_type": True, "version_table": VERSION_TABLE}
        return list(compare_metadata(MigrationContext.configure(conn, opts=options), metadata))

    assert await inside(empty_url, differences) == []
    migrated = await inside(empty_url, shape)

    def anew(conn: Connection) -> Plain:
        metadata.drop_all(conn)
        metadata.create_all(conn)
        return shape(conn)

    assert migrated == await inside(empty_url, anew)


def test_the_revisions_are_those_that_are_named() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    found = [one.revision for one in scripts.walk_revisions()]
    assert tuple(reversed(found)) == REVISIONS


def test_a_ledger_that_is_up_to_date_is_opened_without_alembic(database_url: str) -> None:
    code = (
        "import asyncio, sys\n"
        "from batchyard.ledger.database import Database\n"
        "async def main():\n"
        "    async with Database(sys.argv[1]):\n"
        "        print('alembic' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    said = subprocess.check_output([sys.executable, "-c", code, database_url], text=True)
    assert said.strip() == "False"


def _open(url: str) -> None:
    async def main() -> None:
        async with Database(url):
            pass

    asyncio.run(main())


def in_processes(times: int, url: str) -> Iterator[int | None]:
    context = forked()
    started = [context.Process(target=_open, args=(url,)) for _ in range(times)]
    for process in started:
        process.start()
    for process in started:
        process.join()
        yield process.exitcode


def test_several_processes_may_open_a_new_ledger_at_once(empty_url: str) -> None:
    assert list(in_processes(4, empty_url)) == [0, 0, 0, 0]
    assert asyncio.run(schema_of(empty_url)).state == "current"


async def test_several_tasks_may_open_a_new_ledger_at_once(empty_url: str) -> None:
    async def use() -> None:
        async with Database(empty_url):
            pass

    await asyncio.gather(*(use() for _ in range(4)))


async def test_without_migrations_a_new_ledger_is_refused_with_the_command(
    empty_url: str,
) -> None:
    with pytest.raises(ConfigError, match="batchyard ledger migrate"):
        await Database(empty_url, migrate=False).open()
    assert (await schema_of(empty_url)).state == "none"
    path = parse(empty_url).path
    assert path is None or not path.parent.exists()

    assert (await migrate(empty_url)).state == "current"
    async with Database(empty_url, migrate=False):
        pass


async def stamp(url: str, version: str) -> None:
    versions = sql_table(VERSION_TABLE, column("version_num"))
    await inside(url, lambda conn: conn.execute(update(versions).values(version_num=version)))


async def test_without_migrations_an_old_schema_is_refused_with_the_command(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchyard.ledger.database._schema.REVISIONS", ("0000", *REVISIONS))
    await stamp(database_url, "0000")
    said = f"schema 0000, not {CURRENT}: run batchyard ledger migrate"
    with pytest.raises(ConfigError, match=said):
        await Database(database_url, migrate=False).open()
    assert (await schema_of(database_url)).state == "old"


async def test_the_schema_of_a_newer_version_is_refused(database_url: str) -> None:
    await stamp(database_url, "9999")
    with pytest.raises(ConfigError, match="upgrade batchyard"):
        await Database(database_url).open()
    assert (await schema_of(database_url)).state == "unknown"


async def test_the_tables_of_something_else_are_left_alone(empty_url: str) -> None:
    path = parse(empty_url).path
    if path:
        path.parent.mkdir()
    await inside(empty_url, lambda conn: conn.execute(text("CREATE TABLE files (mine INT)")))
    with pytest.raises(ConfigError, match="a table 'files' that is not a ledger's"):
        await Database(empty_url).open()
    await inside(empty_url, lambda conn: conn.execute(text("SELECT mine FROM files")))


async def test_a_migration_that_fails_leaves_nothing(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_conn: Connection, _address: object) -> None:
        raise LookupError

    with monkeypatch.context() as patch:
        patch.setattr("batchyard.ledger.database._schema._check_children", breaks)
        with pytest.raises(LookupError):
            await Database(empty_url).open()
    assert await inside(empty_url, shape) == {}
    async with Database(empty_url):
        pass


async def test_a_file_that_another_process_is_writing_to_gets_its_log_when_that_has_ended(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.db"
    hog = sqlite3.connect(path, isolation_level=None)
    hog.execute("BEGIN IMMEDIATE")
    opening = asyncio.create_task(migrate(str(path)))
    done, _ = await asyncio.wait([opening], timeout=0.2)
    assert not done
    hog.close()
    assert (await opening).state == "current"


def test_a_file_that_was_restored_without_its_log_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    _open(str(path))
    with sqlite3.connect(path) as conn:
        conn.execute("PRAGMA journal_mode = DELETE")
    conn.close()
    _open(str(path))
    with sqlite3.connect(path) as conn:
        assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    conn.close()
