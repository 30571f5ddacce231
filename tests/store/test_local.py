"""A store in a directory: what has a name is whole, and nothing else is there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from batchyard.ledger.store import LocalStore, Store, StoreError, StoreMissingError

NAME = "file-1/content.jsonl"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> Store:
    return LocalStore(root)


def put(store: Store, name: str, data: bytes = b"x") -> None:
    with store.writer(name) as file:
        file.write(data)


def fail_while_writing(scope: AbstractContextManager[BinaryIO]) -> None:
    with scope as file:
        file.write(b"new")
        raise RuntimeError("half-way")


def fail_at(scope: AbstractContextManager[Path]) -> None:
    with scope as path:
        path.write_bytes(b"new")
        raise RuntimeError("half-way")


def left(root: Path) -> list[str]:
    """All files, with what is unfinished."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_what_was_written_can_be_read(store: Store) -> None:
    put(store, NAME, b"hello")
    with store.open(NAME) as file:
        file.seek(1)
        assert file.read() == b"ello"
    assert store.size(NAME) == 5
    with store.local(NAME) as path:
        assert path.read_bytes() == b"hello"
    assert list(store.names()) == list(store.names("file-1")) == [NAME]


def test_a_name_appears_when_all_is_written(store: Store) -> None:
    with store.writer(NAME) as file:
        file.write(b"hello")
        assert list(store.names()) == []
        with pytest.raises(StoreMissingError):
            store.open(NAME)
    assert store.size(NAME) == 5


def test_what_was_not_finished_leaves_nothing(store: Store, root: Path) -> None:
    with pytest.raises(RuntimeError, match="half-way"):
        fail_while_writing(store.writer(NAME))
    assert left(root) == []


def test_what_was_there_stays_until_the_new_is_whole(store: Store) -> None:
    put(store, NAME, b"old")
    with pytest.raises(RuntimeError, match="half-way"):
        fail_while_writing(store.writer(NAME))
    with store.open(NAME) as file:
        assert file.read() == b"old"
    put(store, NAME, b"newer")
    assert store.size(NAME) == 5


def test_something_else_may_write_to_a_place(store: Store, root: Path) -> None:
    with store.place(NAME) as path:
        path.write_bytes(b"hello")
    assert store.size(NAME) == 5
    with store.place("file-2/content.jsonl"):
        pass
    with pytest.raises(RuntimeError, match="half-way"):
        fail_at(store.place("file-3/content.jsonl"))
    assert left(root) == [NAME]


def test_a_link_in_a_place_leads_nowhere(store: Store, root: Path) -> None:
    with pytest.raises(StoreError, match="regular"), store.place(NAME) as path:
        path.symlink_to("/etc/passwd")
    assert left(root) == []


def test_the_scratch_folder_is_on_the_same_disk_and_goes(store: Store, root: Path) -> None:
    with store.scratch() as folder, store.place(NAME) as path:
        (folder / "a").write_bytes(b"hello")
        os.link(folder / "a", path)
    assert left(root) == [NAME]


def parts_in(folder: Path, id_: str) -> dict[str, Path]:
    """Two files of a scratch folder, which are to be parts of the id."""
    parts = {part: folder / f"{id_}-{part}" for part in ("content.jsonl", "offsets.index")}
    for path in parts.values():
        path.write_text(id_)
    return parts


def test_one_that_cannot_be_adopted_is_told_of_and_spoils_no_other(
    store: Store, root: Path
) -> None:
    put(store, "taken/content.jsonl", b"old")
    with store.scratch() as folder:
        many = {id_: parts_in(folder, id_) for id_ in ("file-1", "gone", "taken", "file-2")}
        many["gone"]["offsets.index"].unlink()
        refused = store.adopt(many)
        assert sorted(refused) == ["gone", "taken"]
    assert left(root) == [
        "file-1/content.jsonl",
        "file-1/offsets.index",
        "file-2/content.jsonl",
        "file-2/offsets.index",
        "taken/content.jsonl",
    ]
    assert (root / "file-2/content.jsonl").read_text() == "file-2"
    assert (root / "taken/content.jsonl").read_bytes() == b"old"


def test_what_was_adopted_is_on_the_disk_with_its_names(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        sync(handle)

    monkeypatch.setattr("os.fsync", watched)
    with store.scratch() as folder:
        assert store.adopt({id_: parts_in(folder, id_) for id_ in ("file-1", "file-2")}) == {}
    kept = [path for path in root.rglob("file-*") if path.is_dir()]
    kept += root.rglob("file-*/*")
    # the folder of all of them last, when all have their names, and once
    assert sorted(synced[:-1]) == sorted(path.stat().st_ino for path in kept)
    assert synced[-1] == root.stat().st_ino


def test_parts_of_an_id_are_deleted_together_and_those_of_others_stay(store: Store) -> None:
    put(store, NAME)
    put(store, "file-1/lines.index")
    put(store, "file-11/content.jsonl")
    store.delete_all("file-1")
    store.delete_all("file-1")
    assert list(store.names()) == ["file-11/content.jsonl"]


def test_nothing_is_in_a_store_that_was_never_written_to(store: Store) -> None:
    assert list(store.names()) == list(store.names("file-1")) == []
    store.delete_all("file-1")
    store.sweep(2e9)


ASKS: list[Callable[[Store, str], object]] = [
    lambda store, name: store.open(name),
    lambda store, name: store.size(name),
    lambda store, name: enter(store.local(name)),
]
WRITES: list[Callable[[Store, str], object]] = [
    lambda store, name: enter(store.writer(name)),
    lambda store, name: enter(store.place(name)),
]


def enter(scope: AbstractContextManager[object]) -> None:
    with scope:
        pass


@pytest.mark.parametrize("ask", ASKS)
def test_what_is_not_there_is_missing(store: Store, ask: Callable[[Store, str], object]) -> None:
    with pytest.raises(StoreMissingError, match="there is no file-1/") as caught:
        ask(store, NAME)
    assert caught.value.status_hint == 404


@pytest.mark.parametrize(
    "name",
    [
        "../etc/passwd",
        "file-1/../../etc",
        "/etc/passwd",
        "file-1",
        "file-1/",
        "/content",
        "file-1/a/b",
        ".unfinished/x",
        "file-1/.hidden",
        "file\\1/x",
        "a\n/x",
        "a/x\n",
        "a/\0",
        "",
        "ä/x",
        f"{'a' * 200}/x",
    ],
)
@pytest.mark.parametrize("use", [*ASKS, *WRITES])
def test_a_name_leads_to_nothing_outside(
    store: Store, root: Path, name: str, use: Callable[[Store, str], object]
) -> None:
    with pytest.raises(StoreError, match="is no name") as caught:
        use(store, name)
    assert not isinstance(caught.value, StoreMissingError)
    assert not root.exists()


@pytest.mark.parametrize("prefix", ["..", ".", ".unfinished", "a/b", "/", "*"])
def test_a_prefix_is_an_id_and_nothing_else(store: Store, prefix: str) -> None:
    with pytest.raises(StoreError, match="is no name"):
        store.delete_all(prefix)
    with pytest.raises(StoreError, match="is no name"):
        list(store.names(prefix))
    with pytest.raises(StoreError, match="is no name"):
        store.delete_all("")


def test_what_a_killed_process_left_is_swept_and_nothing_else(store: Store, root: Path) -> None:
    program = (
        "import os, signal, sys; from batchyard.ledger.store import LocalStore\n"
        "with LocalStore(sys.argv[1]).writer('file-9/content.jsonl') as file:\n"
        "    file.write(b'x' * 1000); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, root], check=False)
    put(store, NAME)
    assert len(left(root)) == 2
    assert list(store.names()) == [NAME]
    store.sweep(0)
    assert len(left(root)) == 2, "it may still be at work"
    store.sweep(4e9)
    assert left(root) == [NAME]


def test_all_is_on_the_disk_before_it_has_its_name(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file, then the folder that has its name, and the folder of the folder."""
    synced: list[str] = []

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").resolve()
        synced.append("file" if path.is_file() else str(path.relative_to(root)))
        if path.is_file():
            assert not (root / NAME).exists()

    monkeypatch.setattr(os, "fsync", fsync)
    put(store, NAME)
    assert synced == ["file", ".", "file-1"]


def test_a_full_disk_is_an_error_that_names_the_file_and_not_the_folder(store: Store) -> None:
    with pytest.raises(StoreError, match="cannot write file-1/") as caught, store.writer(NAME):
        raise OSError(errno.ENOSPC, "No space left on device", "/secret/folder")
    assert "/secret" not in str(caught.value)


def test_errors_of_what_is_copied_are_its_own(store: Store) -> None:
    with pytest.raises(FileNotFoundError), store.writer(NAME):
        Path("/no/such/file").read_bytes()


def test_only_its_owner_may_look_into_it(store: Store, root: Path) -> None:
    put(store, NAME)
    assert (root / "file-1").stat().st_mode & 0o077 == 0
    assert root.stat().st_mode & 0o077 == 0
