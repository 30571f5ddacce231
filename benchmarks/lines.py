"""Checking input files, beside bare decoding loops: MB/s of CPU time, and memory.

    python benchmarks/lines.py [--megabytes 200] [--rounds 5] [--with-orjson]

Method: files of chat requests with lines of 0.5, 1 and 4 KB, read from the page
cache.  Each measurement is a fresh process that goes through 1 MB to warm up,
notes its peak resident size (``ru_maxrss``), then goes through the file once;
CPU time is user and system time of that pass (of the child, for ``wc``).  The
contestants take turns, so that a busy machine slows all of them; of the rounds
the fastest is shown, and the largest growth of the peak.  ``of msgspec`` is the
speed in relation to the bare loop over a typed ``Struct``, which reads the same
fields and checks nothing.  ``--with-orjson`` makes an environment of its own
under ``build/benchmarks`` and installs orjson there.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

SIZES = (500, 1000, 4000)
MEGABYTE = 1_000_000
TEXT = (
    "the quick brown fox jumps over a lazy dog, and then writes a review about 'quality' "
    'of "service" (price: 12.50)\n for [all] {of} them'
)
OWN = Path(__file__).parent.parent / "build/benchmarks/orjson"


def line(number: int, size: int, random: Random) -> bytes:
    """A request of *size* bytes."""
    request = {
        "custom_id": f"request-{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-5-mini",
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": ""},
            ],
            "max_completion_tokens": 1000,
        },
    }
    words = TEXT.split(" ")
    text = ""
    left = size - len(json.dumps(request)) - 1
    while len(json.dumps(text)) - 2 < left - 12:
        text += random.choice(words) + " "
    text += "x" * (left - len(json.dumps(text)) + 2)
    request["body"]["messages"][1]["content"] = text  # type: ignore[index]
    return json.dumps(request).encode() + b"\n"


def write(path: Path, size: int, length: int) -> None:
    """A file of *length* bytes.  Its texts come round again; its ids do not."""
    random = Random(size)  # noqa: S311 - it keeps no secret
    texts = [line(10**7 + number, size, random) for number in range(500)]
    with path.open("wb") as file:
        for number in range(length // size):
            file.write(
                texts[number % 500].replace(b"-10000%03d" % (number % 500), b"-%08d" % number)
            )


def bare(decode: Callable[[bytes], object]) -> Callable[[Path], None]:
    def loop(path: Path) -> None:
        with path.open("rb") as file:
            for one in file:
                decode(one)

    return loop


def with_msgspec() -> Callable[[Path], None]:
    import msgspec

    body = msgspec.defstruct("Body", [("model", str)])
    fields = [("custom_id", str), ("method", str), ("url", str), ("body", body)]
    return bare(msgspec.json.Decoder(msgspec.defstruct("Line", fields)).decode)


def with_orjson() -> Callable[[Path], None]:
    return bare(importlib.import_module("orjson").loads)


def validate() -> Callable[[Path], None]:
    from batchyard.lines import check_file

    return lambda path: check_file(path).raise_for_problems()


def validate_and_index() -> Callable[[Path], None]:
    from batchyard.lines import check_file

    def run(path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            check_file(path, Path(folder, "index")).raise_for_problems()

    return run


def count() -> Callable[[Path], None]:
    def run(path: Path) -> None:
        subprocess.run(["wc", "-l", path], check=True, capture_output=True)  # noqa: S607

    return run


CONTESTANTS: dict[str, Callable[[], Callable[[Path], None]]] = {
    "wc -l": count,
    "json.loads": lambda: bare(json.loads),
    "orjson.loads": with_orjson,
    "msgspec": with_msgspec,
    "validate": validate,
    "validate + index": validate_and_index,
}


def cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def peak() -> float:
    """Megabytes; Linux counts ``ru_maxrss`` in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def measure(name: str, path: Path, warm: Path) -> None:
    """The measuring process: prints CPU seconds, and by how many megabytes the peak grew."""
    run = CONTESTANTS[name]()
    run(warm)
    before, began = peak(), cpu()
    run(path)
    print(cpu() - began, peak() - before)


def measured(python: str, name: str, path: Path, warm: Path) -> tuple[float, float]:
    command = [python, __file__, "--measure", name, str(path), str(warm)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(output[0]), float(output[1])


def pythons(*, orjson: bool) -> dict[str, str]:
    """The contestants, and the interpreter of each."""
    names = dict.fromkeys(CONTESTANTS, sys.executable)
    if orjson:
        python = OWN / "bin/python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", OWN], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "orjson"], check=True)
        return names | {"orjson.loads": str(python)}
    del names["orjson.loads"]
    return names


def compare(folder: Path, size: int, length: int, rounds: int, names: dict[str, str]) -> None:
    path, warm = folder / "input.jsonl", folder / "warm.jsonl"
    write(path, size, length)
    write(warm, size, MEGABYTE)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    growth: dict[str, float] = dict.fromkeys(names, 0.0)
    for _ in range(rounds):
        for name, python in names.items():
            used, grown = measured(python, name, path, warm)
            seconds[name].append(used)
            growth[name] = max(growth[name], grown)
    megabytes = path.stat().st_size / MEGABYTE
    best = min(seconds["msgspec"])
    for name, taken in seconds.items():
        print(
            f"{size:>6} {name:<18} {megabytes / min(taken):>8.0f} {best / min(taken):>12.2f} "
            f"{growth[name]:>14.1f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--with-orjson", action="store_true")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, path, warm = arguments.measure
        return measure(name, Path(path), Path(warm))
    began = time.perf_counter()
    names = pythons(orjson=arguments.with_orjson)
    print(f"{'line':>6} {'':<18} {'MB/s CPU':>8} {'of msgspec':>12} {'peak grew, MB':>14}")
    with tempfile.TemporaryDirectory(prefix="batchyard-") as folder:
        for size in SIZES:
            length = arguments.megabytes * MEGABYTE
            compare(Path(folder), size, length, arguments.rounds, names)
    print(f"{arguments.rounds} rounds in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return None


if __name__ == "__main__":
    main()
