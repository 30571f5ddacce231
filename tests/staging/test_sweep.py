from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from batchyard.ledger.staging import stage, sweep
from batchyard.ledger.store import LocalStore
from batchyard.steps import BytesSource
from tests.gates.lines import request

LONG_AGO = 1_000_000_000.0
SINCE = LONG_AGO + 1


def upload(store: LocalStore, *ids: str) -> None:
    async def main() -> None:
        for id_ in ids:
            await stage(store, id_, BytesSource(request("a")))

    asyncio.run(main())


def ids(store: LocalStore) -> set[str]:
    return {name.partition("/")[0] for name in store.names()}


def age(root: Path, *ids: str) -> None:
    for path in root.rglob("*"):
        if not ids or any(id_ in path.parts for id_ in ids):
            os.utime(path, (LONG_AGO, LONG_AGO))


def swept(
    store: LocalStore, known: Collection[str], asked: list[Sequence[str]] | None = None
) -> int:
    async def look_up(page: Sequence[str]) -> Collection[str]:
        if asked is not None:
            asked.append(page)
        return {id_ for id_ in page if id_ in known}

    return asyncio.run(sweep(store, look_up, before=SINCE))


def test_what_the_ledger_does_not_know_goes(store: LocalStore, tmp_path: Path) -> None:
    upload(store, "file-1", "file-2", "file-3")
    age(tmp_path / "store")

    assert swept(store, {"file-2"}) == 2
    assert ids(store) == {"file-2"}


def test_an_upload_whose_row_is_still_to_come_stays(store: LocalStore, tmp_path: Path) -> None:
    upload(store, "file-old", "file-new")
    age(tmp_path / "store", "file-old")

    assert swept(store, ()) == 1
    assert ids(store) == {"file-new"}


def test_the_ledger_is_asked_in_pages(store: LocalStore) -> None:
    names = [f"file-{number}" for number in range(1001)]
    for name in names:
        with store.writer(f"{name}/content.jsonl") as file:
            file.write(b"x")
    asked: list[Sequence[str]] = []

    swept(store, names, asked)

    assert [len(page) for page in asked] == [500, 500, 1]
    assert {id_ for page in asked for id_ in page} == set(names)


def test_an_empty_store_has_nothing_to_sweep(store: LocalStore) -> None:
    assert swept(store, ()) == 0


KILLED = """
import asyncio, os, signal, sys
from batchyard.gates import GateChain
from batchyard.hookspecs import Verdict, hookimpl
from batchyard.ledger.staging import stage
from batchyard.ledger.store import LocalStore
from batchyard.steps import BytesSource

where = sys.argv[2]
content = open(sys.argv[3], "rb").read()

class Body(BytesSource):
    def chunks(self):
        yield self.data[:100]
        if where == "upload":
            os.kill(os.getpid(), signal.SIGKILL)
        yield self.data[100:]

class Gate:
    @hookimpl
    def check_lines(self, lines):
        if where == "gates":
            os.kill(os.getpid(), signal.SIGKILL)
        return [Verdict.refuse("no", "No.") for _ in lines]

replace = os.replace
class Store(LocalStore):
    def _adopt(self, path, target):
        super()._adopt(path, target)
        if where == target.name:
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(stage(Store(sys.argv[1]), "file-1", Body(content), gates=GateChain([("g", Gate())])))
"""


def killed(root: Path, where: str, tmp_path: Path) -> None:
    content = tmp_path / "input.jsonl"
    content.write_bytes(request("a") + b"\n" + request("b"))
    command = [sys.executable, "-c", KILLED, str(root), where, str(content)]
    ended = subprocess.run(command, check=False, timeout=60)
    assert ended.returncode == -signal.SIGKILL


def test_a_process_that_is_killed_at_any_point_leaves_nothing_after_a_sweep(
    store: LocalStore, tmp_path: Path
) -> None:
    root = tmp_path / "store"
    for where in ("upload", "gates", "refusals.jsonl", "sent.jsonl", "lines.index"):
        killed(root, where, tmp_path)
        # content is the last to get its name, so that nothing unfinished looks like a file
        assert "file-1/content.jsonl" not in store.names()
        age(root)
        swept(store, ())
        assert [path for path in root.rglob("*") if path.is_file()] == []
