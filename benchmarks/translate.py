"""OpenAI's lines to Vertex AI's and back, beside LiteLLM and a bare loop: MB/s of CPU, and memory.

    python benchmarks/translate.py [--megabytes 20] [--rounds 3] [--with-litellm]

Method: files with lines of 0.5, 1 and 4 KB, read from the page cache: requests
for chat completions on the way in, and on the way out rows of which half is the
echo of the request, as the service writes them.  Each measurement is a fresh
process that goes through 1 MB to warm up, then through the file once; CPU time
is user and system time of that pass, and MB/s are of what it reads; the memory
is the process's peak resident size (``ru_maxrss``), interpreter and all.  The
contestants take turns, so that a busy machine slows all of them; of the rounds
the fastest is shown, and the largest peak.  LiteLLM, which takes longer to load
than to go through its files, has one process a round for all three, of fewer
lines, so its peak is that of all so far.  Each round says how long it took.

``msgspec`` decodes each line and encodes it again: it translates nothing.  ``in``
is all that an upload does: ids, duplicates, digests, the rules of the importer,
the report of losses, and the new file on disk.  ``out`` matches rows by their
ids and writes OpenAI's.  ``--with-litellm`` makes an environment of its own
under ``build/benchmarks`` and installs LiteLLM there; of it, what turns a file
into a body, and a line of output into one of OpenAI's, is measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

SIZES = (500, 1000, 4000)
MEGABYTE = 1_000_000
MODEL = "gemini-2.5-flash"
TEXT = (
    "the quick brown fox jumps over a lazy dog, and then writes a review about 'quality' "
    'of "service" (price: 12.50)\n for [all] {of} them'
)
OWN = Path(__file__).parent.parent / "build/benchmarks/litellm"
BLOCK = 256 * 1024

Run = Callable[[Path], None]


def words(size: int, random: Random) -> str:
    """A text that is *size* bytes of JSON, or a few less."""
    parts, known = TEXT.split(" "), 0
    found: list[str] = []
    while known < size - 12:
        found.append(random.choice(parts))
        known += len(json.dumps(found[-1])) - 1
    return " ".join(found)


def request(number: int, size: int, random: Random) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": ""},
    ]
    body = {"model": MODEL, "messages": messages, "max_completion_tokens": 1000, "temperature": 0}
    made = {
        "custom_id": f"request-{number:08d}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body,
    }
    messages[1]["content"] = words(size - len(json.dumps(made)), random)
    return made


def row(number: int, size: int, random: Random) -> dict[str, Any]:
    made = {
        "status": "",
        "processed_time": "2026-11-01T18:13:16.826+00:00",
        "request": {
            "contents": [{"parts": [{"fileData": None, "text": ""}], "role": "user"}],
            "generationConfig": {"maxOutputTokens": 1000, "temperature": 0},
            "labels": {"batchyard_id": f"by-{number}", "litellm_custom_id": f"r-{number}"},
        },
        "response": {
            "candidates": [
                {
                    "content": {"parts": [{"text": ""}], "role": "model"},
                    "finishReason": "STOP",
                    "avgLogprobs": -0.12,
                }
            ],
            "createTime": "2026-11-01T18:13:15.1Z",
            "modelVersion": f"{MODEL}@default",
            "responseId": f"mXk{number}",
            "usageMetadata": {
                "promptTokenCount": 40,
                "candidatesTokenCount": 25,
                "thoughtsTokenCount": 31,
                "totalTokenCount": 96,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 40}],
                "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 25}],
                "trafficType": "ON_DEMAND",
            },
        },
    }
    rest: Any = made
    left = max(40, size - len(json.dumps(made)))
    rest["request"]["contents"][0]["parts"][0]["text"] = words(left // 2, random)
    rest["response"]["candidates"][0]["content"]["parts"][0]["text"] = words(left // 2, random)
    return made


def write(path: Path, size: int, length: int, *, rows: bool) -> None:
    random = Random(size)  # noqa: S311 - it keeps no secret
    written = number = 0
    with path.open("wb") as file:
        while written < length:
            number += 1
            one = row(number, size, random) if rows else request(number, size, random)
            written += file.write(json.dumps(one).encode() + b"\n")


def blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, some together."""
    held = b""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            end = block.rfind(b"\n") + 1
            yield held + block[:end]
            held = block[end:]


def bare() -> Run:
    import msgspec

    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode

    def run(path: Path) -> None:
        with path.open("rb") as file, tempfile.TemporaryFile() as made:
            for one in file:
                made.write(encode(decode(one)) + b"\n")

    return run


def ours_in() -> Run:
    from batchyard.steps import PathSource
    from batchyard_vertex.translation import Options, translated

    def run(path: Path) -> None:
        assert translated(PathSource(path), Options()).left_out == 0

    return run


def ours_out() -> Run:
    from batchyard_vertex._names import JobId
    from batchyard_vertex.translation._row_ids import Head, RowIds, entry_of
    from batchyard_vertex.translation._rows import Rows

    def run(path: Path) -> None:
        with path.open("rb") as file:
            count = sum(1 for _ in file)
        ids = bytearray(Head("gemini", MODEL).encoded())
        for number in range(count):
            ids += entry_of(f"request-{number:08d}", b"12345678")
        rows = Rows(RowIds(bytes(ids)), "output", JobId("us-central1", "7"))
        with tempfile.TemporaryFile() as made:
            for block in blocks(path):
                made.write(rows.translated(block))
        assert rows.complete

    return run


def litellm_module() -> Any:
    return importlib.import_module("litellm.llms.vertex_ai.files.transformation")


def litellm_in() -> Run:
    module = litellm_module()
    config = module.VertexAIFilesConfig()

    def run(path: Path) -> None:
        with path.open("rb") as file, tempfile.TemporaryFile() as made:
            stream = module._OpenAIToVertexBatchUploadStream(  # noqa: SLF001 - there is no other way in
                file,
                config._map_openai_to_vertex_params,  # noqa: SLF001 - the same
            )
            for piece in stream.iter_bytes():
                made.write(piece)

    return run


def litellm_out() -> Run:
    module = litellm_module()
    config = module.VertexAIFilesConfig()

    def run(path: Path) -> None:
        context = module._new_vertex_batch_output_row_transform_context()  # noqa: SLF001 - the same
        with path.open("rb") as file, tempfile.TemporaryFile() as made:
            for one in file:
                made.write(config._transform_vertex_batch_output_line(one, context=context))  # noqa: SLF001 - the same

    return run


CONTESTANTS: dict[str, dict[str, Callable[[], Run]]] = {
    "in": {"msgspec": bare, "batchyard": ours_in, "litellm": litellm_in},
    "out": {"msgspec": bare, "batchyard": ours_out, "litellm": litellm_out},
}
SLOW = "litellm"
FEWER = 20
"""The slow go through a file so many times smaller."""


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(way: str, name: str, paths: list[str]) -> None:
    """The measuring process: of each file, CPU seconds and its peak of memory in MB so far."""
    run = CONTESTANTS[way][name]()
    warm, *files = map(Path, paths)
    run(warm)
    for path in files:
        began = cpu()
        run(path)
        # Linux counts in KiB
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
        print("measured", cpu() - began, peak)


def measured(python: str, way: str, name: str, paths: list[Path]) -> list[tuple[float, float]]:
    """Of the first file nothing: it is there to warm up."""
    command = [python, __file__, "--measure", way, name, *map(str, paths)]
    # without which it asks the network for prices, again and again
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("measured ")]
    return [(float(seconds), float(peak)) for _, seconds, peak in lines]


def pythons(*, litellm: bool) -> dict[str, str]:
    names = dict.fromkeys(("msgspec", "batchyard"), sys.executable)
    if litellm:
        python = OWN / "bin/python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", OWN], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "litellm"], check=True)
        names[SLOW] = str(python)
    return names


class Race:
    """One way, by all contestants, at all sizes of lines."""

    def __init__(self, folder: Path, way: str, length: int) -> None:
        self._folder = folder
        self._way = way
        self._warm = {"": folder / "warm", SLOW: folder / f"warm-{SLOW}"}
        for who, path in self._warm.items():
            write(path, SIZES[1], MEGABYTE // (FEWER if who else 1), rows=way == "out")
        for size in SIZES:
            write(self._file(size), size, length, rows=way == "out")
            write(self._file(size, SLOW), size, length // FEWER, rows=way == "out")
        self.speeds: dict[tuple[str, int], list[float]] = {}
        self.peaks: dict[tuple[str, int], float] = {}

    def _file(self, size: int, who: str = "") -> Path:
        return self._folder / f"{who}{size}"

    def round(self, names: dict[str, str]) -> None:
        for name, python in names.items():
            if name == SLOW:
                # which takes longer to load than to go through its files
                self._run(name, python, list(SIZES))
                continue
            for size in SIZES:
                self._run(name, python, [size])

    def _run(self, name: str, python: str, sizes: list[int]) -> None:
        who = SLOW if name == SLOW else ""
        files = [self._file(size, who) for size in sizes]
        found = measured(python, self._way, name, [self._warm[who], *files])
        for size, path, (seconds, peak) in zip(sizes, files, found, strict=True):
            self.speeds.setdefault((name, size), []).append(
                path.stat().st_size / MEGABYTE / seconds
            )
            self.peaks[name, size] = max(self.peaks.get((name, size), 0.0), peak)

    def show(self, names: dict[str, str]) -> None:
        for size in SIZES:
            best = max(self.speeds["batchyard", size])
            for name in names:
                speed = max(self.speeds[name, size])
                print(
                    f"{self._way:<4}{size:>6} {name:<12} {speed:>9.1f} {best / speed:>14.2f} "
                    f"{self.peaks[name, size]:>10.0f}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--with-litellm", action="store_true")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        way, name, *paths = arguments.measure
        return measure(way, name, paths)
    began = time.perf_counter()
    names = pythons(litellm=arguments.with_litellm)
    length = arguments.megabytes * MEGABYTE
    print(f"{'':<4}{'line':>6} {'':<12} {'MB/s CPU':>9} {'batchyard is x':>14} {'peak, MB':>10}")
    for way in CONTESTANTS:
        with tempfile.TemporaryDirectory(prefix="batchyard-") as folder:
            race = Race(Path(folder), way, length)
            for number in range(arguments.rounds):
                race.round(names)
                told = f"{way}: {number + 1} of {arguments.rounds} rounds"
                print(f"{told}, {time.perf_counter() - began:.0f} s", file=sys.stderr)
            race.show(names)
    print(f"{arguments.rounds} rounds in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return None


if __name__ == "__main__":
    main()
