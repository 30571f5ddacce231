"""What is sent, where that is not what was uploaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from batchyard.gates import GateChain, Refusal, Tally, pass_file
from batchyard.ledger.store import Store
from batchyard.lines import check_file
from batchyard.sources import Source

__all__ = ["Sent", "pass_gates"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What is left of a file: zero bytes, where gates refused every line."""

    bytes: int
    refused: int
    models: Mapping[str, int]


def pass_gates(
    store: Store, file_id: str, source: Source, gates: GateChain, places: ExitStack
) -> Sent | None:
    """Write ``sent.jsonl``, ``refusals.jsonl`` and ``report.json``, as far as they say something.

    ``None`` if the file is sent as it is.
    """
    sent = places.enter_context(store.place(f"{file_id}/sent.jsonl"))
    refusals = places.enter_context(store.place(f"{file_id}/refusals.jsonl"))
    report = places.enter_context(store.place(f"{file_id}/report.json"))
    tally = Tally()
    with ExitStack() as files:
        passed = pass_file(
            source,
            gates,
            begin=lambda: files.enter_context(sent.open("wb")),
            refuse=_Refusals(refusals, files).add,
            tally=tally,
        )
    if not passed.changed:
        return None
    said = tally.report(file_id, passed.lines + passed.refused, passed.refused)
    report.write_text(said.model_dump_json(), encoding="utf-8")
    models = check_file(sent).models if passed.lines else {}
    return Sent(sent.stat().st_size, passed.refused, models)


class _Refusals:
    """A file that begins with its first row."""

    def __init__(self, path: Path, files: ExitStack) -> None:
        self._path = path
        self._files = files
        self._file: BinaryIO | None = None

    def add(self, refusal: Refusal) -> None:
        if self._file is None:
            self._file = self._files.enter_context(self._path.open("wb"))
        self._file.write(json.dumps(asdict(refusal)).encode() + b"\n")
