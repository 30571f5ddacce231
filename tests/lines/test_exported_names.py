from __future__ import annotations

import subprocess
import sys

from batchyard import lines


def test_all_names_are_there_and_in_order() -> None:
    constants = [name for name in lines.__all__ if name.isupper()]
    others = [name for name in lines.__all__ if not name.isupper()]
    assert lines.__all__ == sorted(constants) + sorted(others)
    assert all(hasattr(lines, name) for name in lines.__all__)


def test_importing_it_brings_no_http_library() -> None:
    program = (
        "import sys, batchyard.lines; print({'httpx', 'stevedore', 'pluggy'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert run.stdout.strip() == "set()"
