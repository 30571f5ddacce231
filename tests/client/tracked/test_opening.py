"""Which ledger a client opens, and what it says where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.config import LedgerSettings
from batchyard.errors import BatchyardError, ConfigError
from tests.client.conftest import settled
from tests.client.requests import chat_lines
from tests.client.tracked.conftest import Tracked, begun

HEAVY = ("sqlalchemy", "aiosqlite", "alembic", "asyncpg", "greenlet")

DIRECT = "import batchyard; client = batchyard.Client('openai', api_key='sk-1'); client.close()"


def python(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "BATCHYARD" not in name}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "code", [DIRECT, DIRECT.replace("Client", "AsyncClient").replace("client.close()", "")]
)
def test_without_a_ledger_a_client_imports_nothing_of_one(code: str, tmp_path: Path) -> None:
    found = python(f"{code}\nimport sys; print(*sys.modules)", XDG_DATA_HOME=str(tmp_path))
    assert found.returncode == 0, found.stderr
    loaded = set(found.stdout.split())
    assert loaded.isdisjoint(HEAVY)
    assert not [name for name in loaded if name.startswith("batchyard.ledger")]
    assert list(tmp_path.iterdir()) == []


def test_with_a_ledger_nothing_is_opened_or_written_before_it_is_used(
    tracked: Tracked, tmp_path: Path
) -> None:
    async def body(client: Any) -> None:
        assert client.limits().max_lines

    tracked.run(body, ledger=tmp_path / "new" / "ledger.db")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["sqlalchemy", "aiosqlite"])
def test_without_the_extra_a_ledger_is_refused_with_what_to_install(
    name: str, tmp_path: Path
) -> None:
    code = (
        f"import sys; sys.modules[{name!r}] = None\n"
        "import batchyard\n"
        f"{DIRECT}\n"
        "try:\n"
        f"    batchyard.Client('openai', api_key='sk-1', ledger={str(tmp_path / 'l.db')!r})\n"
        "except batchyard.errors.ConfigError as error:\n"
        "    print(error)\n"
    )
    found = python(code)
    assert found.returncode == 0, found.stderr
    assert "pip install 'batchyard[ledger]'" in found.stdout


@pytest.mark.parametrize(
    ("ledger", "message"),
    [
        ("mysql://host/name", "must be a path, sqlite:///path or postgresql://"),
        (":memory:", "a ledger in memory forgets"),
        ("postgresql://host/name", "needs a folder for the files"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once(ledger: str, message: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigError, match=message):
            kind("openai", api_key="sk-1", ledger=ledger)


def test_a_file_that_is_no_database_is_refused_by_name(tracked: Tracked, tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are my notes, and they are longer than a header of SQLite's " * 20)

    async def body(client: Any) -> None:
        for call in (client.files.list, client.batches.list):
            with pytest.raises(ConfigError, match=r"notes\.db"):
                await settled(call())
        # what needs no ledger goes on
        assert client.limits().max_lines

    tracked.run(body, ledger=path)
    assert path.read_text("utf-8").startswith("these are my notes")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder that nobody can write to")
def test_a_folder_that_cannot_be_written_is_named(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(ConfigError, match="/proc/ours"):
            await begun(client)

    tracked.run(body, ledger=Path("/proc/ours/ledger.db"))


def test_a_place_that_is_a_file_is_no_folder_for_a_ledger(
    blocking: Tracked, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")

    async def ledger(client: Any) -> None:
        with pytest.raises(ConfigError, match="file"):
            await begun(client)

    async def store(client: Any) -> None:
        with pytest.raises(BatchyardError, match="file"):
            await begun(client)
        assert await settled(client.files.list()) == []

    blocking.run(ledger, ledger=tmp_path / "file" / "ledger.db")
    settings = LedgerSettings(url=str(blocking.ledger), store=tmp_path / "file" / "store")
    blocking.run(store, ledger=settings)


def test_a_ledger_that_is_mended_is_used_without_a_new_client(
    blocking: Tracked, tmp_path: Path
) -> None:
    place = tmp_path / "later"
    place.write_text("in the way", encoding="utf-8")

    async def body(client: Any) -> None:
        with pytest.raises(ConfigError):
            await begun(client)
        place.unlink()
        assert (await begun(client)).status == "validating"

    blocking.run(body, ledger=place / "ledger.db")


def test_the_configured_ledger_is_taken_unless_it_is_declined(
    blocking: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHYARD_LEDGER", str(blocking.ledger))
    ids: list[str] = []

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        ids.append(file.id)

    blocking.run(body, ledger=None)
    assert len(blocking.emulator.requests) == 0
    blocking.run(body, ledger=False)
    assert len(blocking.emulator.requests) == 1
    blocking.run(body, ledger=True)
    assert len(blocking.emulator.requests) == 1


def test_a_password_of_the_ledger_is_in_no_repr_and_no_error(
    blocking: Tracked, tmp_path: Path
) -> None:
    url = "postgresql://me:{}@127.0.0.1:1/none".format("SECRET-word")
    settings = LedgerSettings(url=url, store=tmp_path / "store")

    async def body(client: Any) -> None:
        assert "SECRET-word" not in repr(client) + repr(vars(client)) + repr(settings)
        with pytest.raises(BatchyardError) as caught:
            await settled(client.batches.retrieve("batch_1"))
        assert caught.value.retryable
        assert "SECRET-word" not in str(caught.value) + repr(caught.value)

    blocking.run(body, ledger=settings)
