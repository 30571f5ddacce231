from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.client.requests import chat_lines

FILE = {
    "id": str,
    "object": str,
    "bytes": int,
    "created_at": int,
    "expires_at": int,
    "filename": str,
    "purpose": str,
    "status": str,
    "status_details": type(None),
}
"""The file as JSON: what programs may count on."""


def shape(record: dict[str, object]) -> dict[str, type]:
    return {name: type(value) for name, value in record.items()}


def test_a_file_is_uploaded_shown_listed_and_deleted(shell: Shell) -> None:
    file_id = shell.done("files", "upload", shell.file(chat_lines(2)))
    assert file_id.startswith("file-")
    assert "\n" not in file_id
    shown = shell.done("files", "get", file_id)
    assert "name     in.jsonl" in shown
    assert shell.done("files", "list").split()[0] == file_id
    assert shell.done("files", "delete", file_id) == f"deleted {file_id}"
    assert shell.done("files", "list") == ""


def test_files_as_json_are_openais_objects(shell: Shell) -> None:
    stored = shell.json("files", "upload", shell.file(chat_lines(2)), "--expires-after", "3600")
    assert shape(stored) == FILE
    assert stored["expires_at"] - stored["created_at"] == 3600
    assert shell.json("files", "get", stored["id"]) == stored
    listed = shell.json("files", "list", "--purpose", "batch")
    assert listed == {"object": "list", "data": [stored], "has_more": False}
    deleted = shell.json("files", "delete", stored["id"])
    assert deleted == {
        "object": "list",
        "data": [{"id": stored["id"], "object": "file", "deleted": True}],
    }


def test_a_list_is_as_long_as_was_asked_for(shell: Shell) -> None:
    path = shell.file(chat_lines(1))
    ids = [shell.done("files", "upload", path) for _ in range(3)][::-1]

    def listed(*options: str) -> tuple[list[str], bool]:
        answer = shell.json("files", "list", *options)
        return [one["id"] for one in answer["data"]], answer["has_more"]

    assert listed("--limit", "2") == (ids[:2], True)
    assert listed("--limit", "3") == (ids, False)
    assert listed("--all") == (ids, False)
    assert listed("--after", ids[0]) == (ids[1:], False)
    assert "There are more" in shell("files", "list", "--limit", "1").stderr


def test_a_file_uploaded_with_a_key_is_uploaded_once(shell: Shell) -> None:
    path = shell.file(chat_lines(1))
    first = shell.done("files", "upload", path, "--key", "k")
    assert shell.done("files", "upload", path, "--key", "k") == first
    assert shell.posted() == 1


def test_content_goes_to_standard_output_byte_for_byte(shell: Shell) -> None:
    content = chat_lines(3).replace(b"hello", "h\u00e9llo \u2026".encode())
    file_id = shell.done("files", "upload", shell.file(content))
    assert shell("files", "content", file_id).stdout_bytes == content


def test_content_goes_to_a_file_whole_or_not_at_all(shell: Shell) -> None:
    content = chat_lines(3)
    file_id = shell.done("files", "upload", shell.file(content))
    there = shell.file(b"was there", "out")
    shell.emulator.faults.add(f"GET /v1/files/{file_id}/content truncate=100 times=always")
    assert shell("files", "content", file_id, "-o", there).exit_code == 1
    assert there.read_bytes() == b"was there"
    shell.emulator.faults.clear()
    answer = shell.json("files", "content", file_id, "-o", there)
    assert answer == {"id": file_id, "path": str(there), "bytes": len(content)}
    assert there.read_bytes() == content
    assert sorted(one.name for one in shell.folder.iterdir()) == ["in.jsonl", "out"]


@pytest.mark.parametrize("command", [["get"], ["content"], ["delete"], ["content", "-o", "x"]])
def test_a_file_that_is_not_there_is_one_sentence(shell: Shell, command: list[str]) -> None:
    done = shell("files", *command, "file-none")
    assert done.exit_code == 1
    assert "No such File object: file-none" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (shell.folder / "x").exists()


def test_what_was_deleted_before_a_failure_is_told(shell: Shell) -> None:
    file_id = shell.done("files", "upload", shell.file(chat_lines(1)))
    answer = shell.json("files", "delete", file_id, "file-none", code=1)
    assert [one["id"] for one in answer["data"]] == [file_id]


def test_what_cannot_be_uploaded_is_refused(shell: Shell) -> None:
    os.mkfifo(shell.folder / "fifo")
    for name in ("none", ".", "fifo"):
        done = shell("files", "upload", shell.folder / name)
        assert done.exit_code == 1, name
        assert done.stderr.startswith("Error: ")
        assert "Traceback" not in done.output
    assert shell.posted() == 0


def test_json_of_content_needs_a_file_to_write_to(shell: Shell) -> None:
    assert shell("files", "content", "file-x", "--json").exit_code == 2


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_sent(
    shell: Shell, tmp_path: Path
) -> None:
    done = shell("files", "content", "file-x", "-o", tmp_path)
    assert "it is a directory" in done.stderr
    assert list(shell.emulator.requests) == []
