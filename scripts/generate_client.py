"""Writes the blocking client and functions from the async ones.

    python scripts/generate_client.py           write it
    python scripts/generate_client.py --check   fail if it is not what would be written

Fails when a rule is of no use any more, so that the list stays true.
"""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path

CORE = Path(__file__).parent.parent / "core/src/batchyard"
FILES = {
    "client/_streams_async.py": "client/_streams.py",
    "client/_asynchronous.py": "client/_synchronous.py",
    "client/_direct_async.py": "client/_direct_sync.py",
    "client/_tracked_async.py": "client/_tracked_sync.py",
    "functions/_asynchronous.py": "functions/_synchronous.py",
}

BLOCKING_ANSWERED = (
    "def answered(answer: object) -> None:\n"
    '    """A callback of the blocking client has done its work when it returns."""\n'
    "    if inspect.isawaitable(answer):\n"
    '        raise TypeError("on_progress is async; use the async client")\n'
)

RULES = [
    (
        r"(?m)^(The blocking )(ones?|client's) (?:is|are) generated from this file",
        r"Generated from the async \2, do not edit",
    ),
    (r"What the async client's", "What the blocking client's"),
    (r"The async client\.", "The blocking client."),
    (r"The async client's methods", "The blocking client's methods"),
    (r"files and batches, async\.", "files and batches, blocking."),
    (
        r"async def answered\(answer: object\) -> None:\n(?s:.*?)await answer\n",
        BLOCKING_ANSWERED,
    ),
    # plans stay async in both colours
    (r"async def blocking((?s:.*?))await", r"ASYNC def blocking\1AWAIT"),
    (r"async def found((?s:.*?))await", r"ASYNC def found\1AWAIT"),
    (r"async def __aenter__", "def __enter__"),
    (r"async def __aexit__", "def __exit__"),
    (r"async def __aiter__", "def __iter__"),
    (r"\basync def ", "def "),
    (r"\basync for ", "for "),
    (r"\basync with ", "with "),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\bawait ", ""),
    (r"(?m)import AsyncIterator, Callable$", "import Callable, Iterator"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\b_streams_async\b", "_streams"),
    (r"\b_(direct|tracked)_async\b", r"_\1_sync"),
    (r"\bAsync((?:Tracked)?(?:Batches|Files)|Client|Content|Desk|Driver|Pager|Results)\b", r"\1"),
    (
        r"\ba((?:create|retrieve|cancel|list)_batch(?:es)?|create_file|close_clients|file_[a-z]+)\b",
        r"\1",
    ),
    (r"\bASYNC\b", "async"),
    (r"\bAWAIT\b", "await"),
]
"""What is replaced by what, in this order."""


def translated() -> dict[Path, str]:
    """The text of each blocking module."""
    texts = {name: (CORE / name).read_text(encoding="utf-8") for name in FILES}
    for pattern, replacement in RULES:
        uses = 0
        for name, text in texts.items():
            texts[name], count = re.subn(pattern, replacement, text)
            uses += count
        if not uses:
            raise SystemExit(f"a rule is of no use: {pattern}")
    return {CORE / FILES[name]: text for name, text in texts.items()}


def main() -> int:
    differences: list[str] = []
    for path, wanted in translated().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(wanted, encoding="utf-8")
            continue
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        differences += difflib.unified_diff(
            found.splitlines(), wanted.splitlines(), path.name, "generated", lineterm=""
        )
    print(*differences, sep="\n", end="")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
