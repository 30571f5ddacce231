from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import pytest

from batchyard.errors import ConfigError, LedgerUnavailableError
from batchyard.ledger.database import Database
from batchyard.ledger.database import _addresses as addresses
from batchyard.ledger.database._disks import filesystem

pytestmark = pytest.mark.anyio

SECRET = "hunter2-SECRET"

MOUNTS = [
    "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "22 21 0:5 / /srv rw shared:2 - nfs4 filer:/srv rw",
    "23 22 0:6 / /srv/me/a\\040disk rw - xfs /dev/sdb1 rw",
    "24 21 0:7 / /srv rw - cifs //filer/srv rw",
]


@pytest.mark.parametrize(
    "url", [":memory:", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory", ""]
)
def test_a_ledger_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="lost with the process"):
        Database(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mysql://me:{SECRET}@host/db", "'mysql'"),
        (f"postgresql://me:{SECRET}@host:port/db", "not a URL"),
        (f"postgresql://me:{SECRET}@host/db?pool=3", "not known: pool"),
        ("sqlite:///ledger.db?mode=ro", "no parameters"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(
    url: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Database(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("given", ["{}", "sqlite:///{}", "sqlite+aiosqlite:///{}"])
async def test_a_path_and_its_url_are_one_ledger(given: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with Database(given.format(path)) as db:
        assert repr(db) == f"Database({path})"
        assert not db.postgres
    assert path.exists()


async def test_a_path_may_be_relative_and_have_odd_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Database("a ledger#1%20é.db"):
        assert (tmp_path / "a ledger#1%20é.db").exists()


async def test_a_new_file_and_its_folder_are_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.db"
    async with Database(str(path)) as db, db.writing():
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
        assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_is_there_keeps_its_permissions(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    path.chmod(0o640)

    async def use() -> None:
        async with Database(sqlite_url):
            pass

    asyncio.run(use())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("not a database, but long enough to have a header of one. " * 20)
    with pytest.raises(ConfigError, match="not a database"):
        await Database(str(path)).open()


async def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be a file"):
        await Database(str(tmp_path)).open()


async def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be a file"):
        await Database(str(tmp_path / "file" / "ledger.db")).open()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/var", "ext4"), ("/srv/me", "cifs"), ("/srv/me/a disk/x", "xfs"), ("/srvs", "ext4")],
)
def test_the_file_system_is_that_of_the_nearest_mount(folder: str, kind: str) -> None:
    assert filesystem(Path(folder), MOUNTS) == kind


async def test_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 21 0:5 / {tmp_path} rw - nfs4 filer:/srv rw\n")
    monkeypatch.setattr("batchyard.ledger.database._disks._MOUNTS", mounts)
    with pytest.raises(ConfigError, match=r"network file system \(nfs4\)"):
        await Database(str(tmp_path / "ledger.db")).open()


async def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    for url in (
        f"postgresql://me:{SECRET}@127.0.0.1:1/ledger",
        f"postgresql://me:{SECRET}@/ledger?host={tmp_path}",
    ):
        db = Database(url)
        with pytest.raises(LedgerUnavailableError, match="unreachable") as caught:
            await db.open()
        assert caught.value.retryable
        said = "".join(traceback.format_exception(caught.value)) + repr(db)
        assert SECRET not in said


async def test_a_database_that_is_not_there_is_a_mistake_in_the_address(postgres_url: str) -> None:
    path, _, query = postgres_url.partition("?")
    base = path.rpartition("/")[0].replace("postgres:@", f"postgres:{SECRET}@")
    db = Database(f"{base}/nowhere?{query}&password={SECRET}")
    with pytest.raises(ConfigError, match="nowhere") as caught:
        await db.open()
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(db)


async def test_what_a_driver_says_is_searched_for_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object, **arguments: object) -> None:
        raise ConnectionResetError(f"broken while saying {arguments['password']}")

    monkeypatch.setattr("asyncpg.connect", refuse)
    with pytest.raises(LedgerUnavailableError, match=r"saying \*\*\*"):
        await Database(f"postgresql://me:{SECRET}@host/ledger").open()


def test_the_parameters_of_libpq_are_understood() -> None:
    address = addresses.parse(
        f"postgres://me:{SECRET}@host/db?sslmode=require&application_name=mine&connect_timeout=3"
    )
    assert address.url.drivername == "postgresql+asyncpg"
    assert dict(address.url.query) == {"ssl": "require", "timeout": "3"}
    assert address.arguments == {"server_settings": {"application_name": "mine"}}
    assert address.shown == "postgresql://me:{}@host/db".format("***")
    assert SECRET not in repr(address)


def test_without_the_extra_the_error_names_it() -> None:
    code = """
        import sys
        from importlib.machinery import PathFinder
        find = PathFinder.find_spec
        PathFinder.find_spec = lambda name, *rest: None if name == GONE else find(name, *rest)
        from batchyard.errors import ConfigError
        try:
            from batchyard.ledger.database import Database
            Database("postgresql://host/db")
        except ConfigError as error:
            print(error)
    """
    for gone, extra in (("sqlalchemy", "ledger"), ("asyncpg", "postgres")):
        program = textwrap.dedent(code).replace("GONE", repr(gone))
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert f"pip install 'batchyard[{extra}]'" in ran.stdout, ran.stderr
