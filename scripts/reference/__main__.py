"""Writes docs/reference from the code.

python -m scripts.reference           write it
python -m scripts.reference --check   fail if it is not what would be written
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

from scripts.reference._pages import PAGES

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def main() -> int:
    differences: list[str] = []
    REFERENCE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        path, wanted = REFERENCE / name, make()
        if "--check" not in sys.argv[1:]:
            path.write_text(wanted, encoding="utf-8")
            continue
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        differences += difflib.unified_diff(
            found.splitlines(), wanted.splitlines(), name, "made from the code", lineterm=""
        )
    print(*differences, sep="\n", end="")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
