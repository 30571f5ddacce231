"""The sink that appends events to a file."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import ConfigError, PluginFailedError
from batchyard.events import from_json
from batchyard.models import Batch, BatchEvent, Event
from batchyard.registry import Registry, Sink


def happened(number: int) -> BatchEvent:
    batch = Batch(id=f"batch_{number}", metadata={"name": "žluťoučký\u2028kůň\nline"})
    return BatchEvent(hook="batch_created", at=1.0, provider="p", account="a", batch=batch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
def sink(path: Path) -> Sink:
    return Registry({}).sink("jsonl", {"path": str(path)})


def deliver(sink: Sink, *events: Event) -> None:
    async def main() -> None:
        await asyncio.gather(*map(sink.deliver, events))

    asyncio.run(main())


def read(path: Path) -> list[Any]:
    return [from_json(json.loads(line)) for line in path.read_bytes().splitlines()]


def test_each_event_is_one_line_that_can_be_read_back(sink: Sink, path: Path) -> None:
    events = [happened(number) for number in range(3)]
    for event in events:
        deliver(sink, event)
    assert read(path) == events
    assert path.read_bytes().count(b"\n") == 3


def test_an_event_that_is_delivered_again_has_the_same_id(sink: Sink, path: Path) -> None:
    event = happened(1)
    deliver(sink, event)
    deliver(sink, event)
    assert [one.id for one in read(path)] == [event.id, event.id]


def test_what_is_there_already_is_kept(sink: Sink, path: Path) -> None:
    path.write_text('{"mine": 1}\n')
    deliver(sink, happened(1))
    lines = path.read_text().splitlines()
    assert lines[0] == '{"mine": 1}'
    assert len(lines) == 2


def test_a_line_that_somebody_left_half_written_costs_no_other(sink: Sink, path: Path) -> None:
    path.write_text('{"version": 1, "id": "ev')
    deliver(sink, happened(1))
    deliver(sink, happened(2))
    lines = path.read_text().splitlines()
    assert [json.loads(line)["batch"]["id"] for line in lines[1:]] == ["batch_1", "batch_2"]


def test_of_many_at_a_time_all_are_on_the_disk(
    sink: Sink, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[int, int]] = []
    given = os.fsync

    def fsync(file: int) -> None:
        given(file)
        found = os.fstat(file)
        flushed.append((found.st_ino, found.st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    events = [happened(number) for number in range(50)]
    deliver(sink, *events)
    assert sorted(one.batch.id for one in read(path)) == sorted(one.batch.id for one in events)
    found = path.stat()
    assert (found.st_ino, found.st_size) in flushed, "the last line was flushed too"


def test_nothing_is_acknowledged_before_it_is_flushed(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(PluginFailedError, match=r"jsonl .*: deliver failed: OSError.*Input/output"):
        deliver(sink, happened(1))


def test_a_file_that_was_moved_away_is_begun_anew(sink: Sink, path: Path) -> None:
    deliver(sink, happened(1))
    path.rename(path.with_suffix(".1"))
    deliver(sink, happened(2))
    assert [one.batch.id for one in read(path.with_suffix(".1"))] == ["batch_1"]
    assert [one.batch.id for one in read(path)] == ["batch_2"]


def test_processes_append_to_one_file_without_mixing_their_lines(path: Path) -> None:
    script = textwrap.dedent(
        """
        import asyncio, sys
        from tests.events.test_jsonl import deliver, happened
        from batchyard.registry import Registry

        sink = Registry({}).sink("jsonl", {"path": sys.argv[1]})
        first = 100 * int(sys.argv[2])
        for number in range(first, first + 100, 5):
            deliver(sink, *map(happened, range(number, number + 5)))
        """
    )
    root = Path(__file__).parents[2]
    started = [
        subprocess.Popen([sys.executable, "-c", script, path, str(number)], cwd=root)
        for number in range(3)
    ]
    assert [one.wait(60) for one in started] == [0, 0, 0]
    numbers = {int(one.batch.id.removeprefix("batch_")) for one in read(path)}
    assert numbers == set(range(300))


def test_a_folder_that_is_not_there_is_a_failure_to_be_tried_again(tmp_path: Path) -> None:
    sink = Registry({}).sink("jsonl", {"path": tmp_path / "later" / "events.jsonl"})
    with pytest.raises(PluginFailedError, match="No such file"):
        deliver(sink, happened(1))
    (tmp_path / "later").mkdir()
    deliver(sink, happened(1))
    assert len(read(tmp_path / "later" / "events.jsonl")) == 1


def test_others_may_not_read_the_file_it_makes(sink: Sink, path: Path) -> None:
    deliver(sink, happened(1))
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("settings", [{}, {"path": "x", "pth": "y"}, {"path": 3}])
def test_wrong_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="jsonl"):
        Registry({}).sink("jsonl", settings)
