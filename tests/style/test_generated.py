from __future__ import annotations

import subprocess
import sys

from tests.style.repository import ROOT


def test_the_blocking_client_is_what_is_made_from_the_async_one() -> None:
    script = ROOT / "scripts" / "generate_client.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
