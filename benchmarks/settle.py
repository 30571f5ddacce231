"""Settling a batch, beside bare decoding loops: MB/s of CPU time, memory, and a loop's stalls.

    python benchmarks/settle.py [--lines 50000] [--rounds 5] [--with-orjson]

Method: a batch of chat requests with an output of 4 KB lines, in an order of
its own, read from the page cache.  Each measurement is a fresh process that
settles a small batch to warm up, then goes through the output once; CPU time is
user and system time of that pass, and the memory is the process's peak
resident size (``ru_maxrss``), interpreter and all.  The contestants take turns,
so that a busy machine slows all of them; of the rounds the fastest is shown, and
the largest peak.  ``of msgspec`` is the speed in relation to the bare loop,
which decodes each line into a typed ``Struct`` and sums its usage: it matches
nothing, prices nothing and writes nothing.

``settle`` matches 50,000 lines by ``custom_id`` through the input's index, proves
completeness, sums what was used, prices it, and puts the output and error files
in their place with their indexes.  The output is taken over as it is; in ``settle,
written anew`` it has one malformed line, so that all others are written again, in
the order of the input.  ``settle, with SHA-256`` also makes the digest of the files.

Stalls: a task of an event loop that wakes every millisecond tells how late it
was at worst in three goes, while the batch is settled in a thread, and in a
process; and, to know the machine, while nothing is done.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchyard.ledger.settlement import SettleTask

MEGABYTE = 1_000_000
MODEL = "gpt-5-mini-2025-08-07"
TEXT = (
    "the quick brown fox jumps over a lazy dog, and then writes a review about 'quality' "
    'of "service" (price: 12.50)\n for [all] {of} them'
)
OWN = Path(__file__).parent.parent / "build/benchmarks/orjson"
SMALL = 1000
INPUT_TOKENS = 1000


def write(folder: Path, lines: int) -> None:
    """The files of a batch: input, its index, and the output in whole and with a malformed line."""
    from batchyard.lines import index_results

    folder.mkdir()
    random = Random(lines)  # noqa: S311 - it keeps no secret
    texts = ["".join(random.choice(TEXT.split(" ")) + " " for _ in range(620)) for _ in range(200)]
    with (folder / "input.jsonl").open("wb") as file:
        file.writelines(_request(number, texts[number % 200][:900]) for number in range(lines))
    index_results(folder / "input.jsonl", folder / "input.index")
    order = list(range(lines))
    random.shuffle(order)
    with (folder / "output.jsonl").open("wb") as file:
        file.writelines(_answer(number, texts[number % 200], random) for number in order)
    whole, malformed = folder / "output.jsonl", folder / "malformed.jsonl"
    with whole.open("rb") as source, malformed.open("wb") as target:
        target.write(b'{"custom_id": "requ\n')
        shutil.copyfileobj(source, target)


def make(folder: Path, lines: int) -> None:
    write(folder / "small", SMALL)
    write(folder / "large", lines)


def _request(number: int, text: str) -> bytes:
    messages = [{"role": "user", "content": text}]
    line = {
        "custom_id": f"request-{number:08}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-5-mini", "messages": messages},
    }
    return json.dumps(line).encode() + b"\n"


def _answer(number: int, text: str, random: Random) -> bytes:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text,
        "refusal": None,
        "annotations": [],
    }
    details = {"accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
    body = {
        "id": f"chatcmpl-{random.getrandbits(128):032x}",
        "object": "chat.completion",
        "created": 1_790_705_990,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": INPUT_TOKENS,
            "completion_tokens": 800,
            "total_tokens": INPUT_TOKENS + 800,
            "prompt_tokens_details": {"cached_tokens": 200, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 64, "audio_tokens": 0} | details,
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }
    line = {
        "id": f"batch_req_{random.getrandbits(128):032x}",
        "custom_id": f"request-{number:08}",
        "response": {
            "status_code": 200,
            "request_id": f"{random.getrandbits(128):032x}",
            "body": body,
        },
        "error": None,
    }
    return json.dumps(line).encode() + b"\n"


def with_msgspec() -> Callable[[Path], int]:
    import msgspec

    usage = msgspec.defstruct("Usage", [("prompt_tokens", int), ("completion_tokens", int)])
    body = msgspec.defstruct("Body", [("usage", usage)])
    response = msgspec.defstruct("Response", [("body", body)])
    decode = msgspec.json.Decoder(msgspec.defstruct("Line", [("response", response)])).decode

    def loop(folder: Path) -> int:
        given = made = 0
        with (folder / "output.jsonl").open("rb") as file:
            for line in file:
                usage = decode(line).response.body.usage  # type: ignore[attr-defined]
                given += usage.prompt_tokens
                made += usage.completion_tokens
        return given

    return loop


def with_loads(loads: Callable[[bytes], Any]) -> Callable[[Path], int]:
    def loop(folder: Path) -> int:
        given = made = 0
        with (folder / "output.jsonl").open("rb") as file:
            for line in file:
                usage = loads(line)["response"]["body"]["usage"]
                given += usage["prompt_tokens"]
                made += usage["completion_tokens"]
        return given

    return loop


def settle(name: str = "output.jsonl", *, digests: bool = False) -> Callable[[Path], int]:
    from batchyard.ledger.settlement import settle
    from batchyard.prices import PriceSources, UsageRow, price_usage
    from batchyard.registry import Registry

    registry = Registry({})
    account = registry.account("openai", {"api_key": "sk-benchmark"})
    prices = PriceSources.load(registry)

    def run(folder: Path) -> int:
        with tempfile.TemporaryDirectory(dir=folder) as made:
            settled = settle(task(folder, Path(made), name, digests=digests))
        rows = [
            UsageRow(
                key.model,
                "gpt-5-mini",
                key.bucket,
                key.day,
                one.lines,
                one.unknown_lines,
                one.usage,
            )
            for key, one in settled.usages.items()
        ]
        priced = price_usage(rows, prices, account, 1_790_700_000.0)
        assert priced.cost
        assert settled.proof.lines == settled.proof.outcomes["ok"] == settled.output.lines
        return settled.usage.input_tokens

    return run


def task(
    folder: Path, made: Path, name: str = "output.jsonl", *, digests: bool = False
) -> SettleTask:
    from batchyard.ledger.settlement import FilePaths, JobFiles, SettleTask
    from batchyard.steps.openai_wire import usage_reader

    (made / "scratch").mkdir()
    return SettleTask(
        usage_reader("/v1/chat/completions"),
        (JobFiles("job-1", ("gpt-5-mini",), results=(folder / name,)),),
        FilePaths(made / "output.jsonl", made / "output.offsets"),
        FilePaths(made / "errors.jsonl", made / "errors.offsets"),
        made / "scratch",
        folder / "input.jsonl",
        folder / "input.index",
        digests=digests,
    )


CONTESTANTS: dict[str, Callable[[], Callable[[Path], int]]] = {
    "json.loads": lambda: with_loads(json.loads),
    "orjson.loads": lambda: with_loads(importlib.import_module("orjson").loads),
    "msgspec": with_msgspec,
    "settle": settle,
    "settle, written anew": lambda: settle("malformed.jsonl"),
    "settle, with SHA-256": lambda: settle(digests=True),
}


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak() -> float:
    """Megabytes; Linux counts ``ru_maxrss`` in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def measure(name: str, folder: Path, lines: int) -> None:
    """The measuring process: prints CPU seconds, and the peak in megabytes."""
    run = CONTESTANTS[name]()
    assert run(folder / "small") == SMALL * INPUT_TOKENS
    began = cpu()
    assert run(folder / "large") == lines * INPUT_TOKENS
    print(cpu() - began, peak())


def measured(python: str, name: str, folder: Path, lines: int) -> tuple[float, float]:
    command = [python, __file__, "--lines", str(lines), "--measure", name, str(folder)]
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


def compare(folder: Path, lines: int, rounds: int, names: dict[str, str]) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in names}
    peaks: dict[str, float] = dict.fromkeys(names, 0.0)
    for _ in range(rounds):
        for name, python in names.items():
            used, highest = measured(python, name, folder, lines)
            seconds[name].append(used)
            peaks[name] = max(peaks[name], highest)
    megabytes = (folder / "large/output.jsonl").stat().st_size / MEGABYTE
    print(f"{lines} lines, {megabytes:.0f} MB")
    print(f"{'':<22} {'MB/s CPU':>8} {'of msgspec':>12} {'peak, MB':>10}")
    best = min(seconds["msgspec"])
    for name, taken in seconds.items():
        print(
            f"{name:<22} {megabytes / min(taken):>8.0f} {best / min(taken):>12.2f} "
            f"{peaks[name]:>10.1f}",
            flush=True,
        )


async def stall(folder: Path, where: str) -> float:
    """Milliseconds by which the loop was late at worst."""
    from batchyard.ledger.settlement import run_settle

    async def once(files: Path) -> None:
        if where == "nothing":
            await asyncio.sleep(0.5)
            return
        with tempfile.TemporaryDirectory(dir=folder) as made:
            await run_settle(task(files, Path(made)), in_process=where == "a process")

    # the worker process takes its time to start, which is not what is measured
    await once(folder / "small")
    settling = asyncio.ensure_future(once(folder / "large"))
    worst = 0.0
    while not settling.done():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - began - 0.001)
    await settling
    return worst * 1000


def stalls(folder: Path) -> None:
    from batchyard.ledger.settlement import stop_settling

    for where in ("nothing", "a thread", "a process"):
        worst = max(asyncio.run(stall(folder, where)) for _ in range(3))
        print(f"longest stall of an event loop beside {where:<10} {worst:>6.1f} ms")
    stop_settling()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--with-orjson", action="store_true")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--role", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, place = arguments.measure
        return measure(name, Path(place), arguments.lines)
    if arguments.role:
        role, place = arguments.role
        return make(Path(place), arguments.lines) if role == "make" else stalls(Path(place))
    # this process stays small: a child's peak begins with its parent's size
    own = [sys.executable, __file__, "--lines", str(arguments.lines), "--role"]
    names = pythons(orjson=arguments.with_orjson)
    with tempfile.TemporaryDirectory(prefix="batchyard-") as place:
        folder = Path(place)
        subprocess.run([*own, "make", folder], check=True)
        compare(folder, arguments.lines, arguments.rounds, names)
        subprocess.run([*own, "stalls", folder], check=True)
    return None


if __name__ == "__main__":
    main()
