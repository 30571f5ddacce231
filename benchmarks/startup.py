"""What importing costs: milliseconds over bare Python, side by side.

    python benchmarks/startup.py [--rounds 15]

Method: a fresh interpreter for each measurement, with bytecode allowed; the
commands take turns, so that a busy machine slows all of them; the median of the
rounds is shown, and its ratio to ``import httpx, pydantic``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python": "pass",
    "import batchyard": "import batchyard",
    "import httpx, pydantic": "import httpx, pydantic",
    "Client()": "import batchyard; batchyard.Client('openai', api_key='sk-benchmark')",
}


def seconds(code: str, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for code in COMMANDS.values():
        seconds(code, environment)
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, code in COMMANDS.items():
            taken[name].append(seconds(code, environment))
    median = {name: statistics.median(values) * 1000 for name, values in taken.items()}
    bare = median["python"]
    peers = median["import httpx, pydantic"] - bare
    print(f"{'':<24} {'ms':>8} {'over bare python':>18} {'ratio':>8}")
    for name, value in median.items():
        print(f"{name:<24} {value:>8.1f} {value - bare:>18.1f} {(value - bare) / peers:>8.2f}")


if __name__ == "__main__":
    main()
