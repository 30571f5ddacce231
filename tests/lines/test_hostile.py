"""Hostile files: a clear error, bounded memory, no traceback."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from batchyard.errors import InvalidLinesError
from batchyard.lines import MAX_LINE, FileCheck, check_file
from tests.lines.hostile import MIB, Ended, among_good, line, nested, run, write_blocks

DEEP = 1_000_000

MANY = [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)]
BIG = 7 * MIB
"""Bytes of what is hostile in a line that is not too long."""

IN_A_LINE: dict[str, tuple[bytes, set[str]]] = {
    "arrays in arrays": (line("a", nested(b"[", b"]", DEEP)), {"invalid_json_line"}),
    "objects in objects": (line("a", nested(b'{"a":', b"}", DEEP)), {"invalid_json_line"}),
    "arrays without an end": (line("a", b"[" * BIG), {"invalid_json_line"}),
    "nothing but openings": (b"[" * BIG, {"invalid_json_line"}),
    "a nested id": (
        line("x").replace(b'"x"', nested(b"[", b"]", DEEP)),
        {"invalid_json_line"},
    ),
    "a string without an end": (line("a", b'"' + b"x" * BIG), {"invalid_json_line"}),
    "NULs": (b"\0" * BIG, {"invalid_encoding"}),
    "a NUL in a text": (line("a", b'"x\0x"'), {"invalid_encoding"}),
    "half a surrogate pair": (line("a", rb'"\udc00"'), {"invalid_encoding"}),
    "surrogates the wrong way round": (line("a", rb'"\udc00\ud800"'), {"invalid_encoding"}),
    "half a surrogate pair as the id": (line(r"\ud83d"), {"invalid_encoding"}),
    "a surrogate in UTF-8": (line("a", b'"\xed\xa0\x80"'), {"invalid_encoding"}),
    "too long a UTF-8 form": (line("a", b'"\xc0\xaf"'), {"invalid_encoding"}),
    "UTF-16": (line("a").decode().encode("utf-16-be"), {"invalid_encoding"}),
    "a number of a million digits": (line("a", b"1" * 1_000_000), set()),
    "a number beyond all bounds": (line("a", b"1e999999999"), set()),
    "a number as the id": (line("x").replace(b'"x"', b"1" * BIG), {"invalid_request"}),
    "a number as the model": (line("a").replace(b'"m-1"', b"9" * BIG), {"invalid_request"}),
    "no number": (line("a", b"NaN"), {"invalid_json_line"}),
    "a key again": (
        line("a").replace(b'"method"', b'"custom_id": 7, "method"'),
        {"invalid_request"},
    ),
    "a key again and again": (
        line("a").replace(b'"POST",', b'"POST",' + b'"a": 1,' * 500_000),
        set(),
    ),
    "a body again": (
        line("a").replace(b'"body"', b'"body": 5, "body"'),
        {"invalid_json_line"},
    ),
    "a million fields": (
        line("a", b"{" + b",".join(b'"%d":0' % number for number in range(500_000)) + b"}"),
        set(),
    ),
    "a million empty arrays": (line("a", b"[" + b"[]," * 1_000_000 + b"[]]"), set()),
    "escapes alone": (line("a", b'"' + rb"\u0041" * 1_000_000 + b'"'), set()),
    "a long id": (line("x" * BIG), set()),
    "a long model": (line("a").replace(b"m-1", b"m" * BIG), {"invalid_request"}),
    "a long url": (line("a").replace(b"/v1/chat", b"/" * BIG), {"invalid_url"}),
    "returns without line feeds": (b"\r" * BIG + b"{", {"invalid_json_line"}),
    "white space alone": (b" \t\r" * MIB, set()),
}


def checked(path: Path, bound: float) -> FileCheck:
    """The check, within *bound* MiB of what Python allocates."""
    tracemalloc.start()
    try:
        result = check_file(path)
        peak = tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()
    assert peak < bound
    return result


@pytest.mark.parametrize("name", IN_A_LINE)
def test_a_hostile_line_costs_that_line_and_little_memory(tmp_path: Path, name: str) -> None:
    hostile, codes = IN_A_LINE[name]
    path = tmp_path / "input.jsonl"
    path.write_bytes(among_good(hostile))
    result = checked(path, 4 * MAX_LINE / MIB)
    assert {one.code for one in result.problems} == codes
    assert {one.line for one in result.problems} <= {2}
    assert result.lines == (2 if name == "white space alone" else 3)
    for problem in result.problems:
        assert len(problem.message) < 500
        assert problem.message.endswith(".")
    if codes:
        with pytest.raises(InvalidLinesError, match=r"^line 2: "):
            result.raise_for_problems()


@pytest.mark.parametrize("many", MANY)
def test_a_million_good_lines_are_too_many_and_nothing_else(tmp_path: Path, many: int) -> None:
    path = write_blocks(
        tmp_path / "input.jsonl",
        (b"".join(line(f"r-{start + n}") for n in range(1000)) for start in range(0, many, 1000)),
    )
    done = cli("validate", path)
    assert done.exit_code == 1
    assert f"{many} requests, and 50000 are taken. Split it." in said(done)


@pytest.mark.parametrize("many", MANY)
def test_a_million_bad_lines_are_counted_and_the_first_told(tmp_path: Path, many: int) -> None:
    path = tmp_path / "input.jsonl"
    path.write_bytes(b"x\n" * many)
    done = cli("run", path)
    assert done.exit_code == 1
    assert f"{many + 1} problems" in done.stderr
    assert len(done.stderr) < many


def test_many_lines_with_one_id_are_told(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    path.write_bytes(line("same") * 60_000)
    result = check_file(path)
    assert (result.problem_count, result.problems[0].line) == (59_999, 2)


def nuls(folder: Path, mib: int) -> Path:
    path = folder / "nuls.jsonl"
    with path.open("wb") as file:
        file.truncate(mib * MIB)
    return path


def endless(folder: Path, mib: int) -> Path:
    start = line("a")[:-10]
    return write_blocks(
        folder / "long.jsonl", (start if number == 0 else b"x" * MIB for number in range(mib))
    )


@pytest.mark.parametrize("mib", [100, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("command", ["run", "validate"])
@pytest.mark.parametrize("make", [nuls, endless])
def test_a_line_of_a_gigabyte_is_one_problem(
    tmp_path: Path, command: str, make: Callable[[Path, int], Path], mib: int
) -> None:
    done = cli(command, make(tmp_path, mib))
    assert done.exit_code == 1
    assert "16777216 are taken. Shorten it" in said(done)


def bomb(folder: Path) -> Path:
    path = folder / "bomb.jsonl"
    path.write_bytes(among_good(line("a", b"[" * BIG)))
    return path


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "fifo")
    return folder / "fifo"


NO_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a directory": (lambda folder: folder, "Is a directory"),
    "a FIFO": (fifo, "not a regular file"),
    "an endless device": (lambda _: Path("/dev/zero"), "not a regular file"),
    "nothing": (lambda folder: folder / "none", "No such file"),
    "a name with a line feed": (lambda folder: folder / "a\nb", "No such file"),
    "a nested line": (bomb, "line 2: This line is nested too deeply"),
}


@pytest.mark.parametrize("command", ["run", "validate"])
@pytest.mark.parametrize("name", NO_FILES)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, command: str, name: str) -> None:
    make, message = NO_FILES[name]
    done = cli(command, make(tmp_path))
    assert done.exit_code == 1
    assert message in said(done)


@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path, command: str) -> None:
    path = tmp_path / "input.jsonl"
    path.write_bytes(line("a"))
    path.chmod(0)
    done = cli(command, path, powerless=os.geteuid() == 0)
    assert done.exit_code in {1, 2}
    assert "Permission denied" in said(done) or "is not readable" in said(done)


def cli(command: str, path: Path, *, powerless: bool = False) -> Ended:
    """The command on the file, in a process that stays small and never shows its insides."""
    done = run([command, str(path), "--provider", "openai"], powerless=powerless)
    assert "Traceback" not in said(done)
    assert done.peak < 150
    return done


def said(done: Ended) -> str:
    return done.stdout + done.stderr
