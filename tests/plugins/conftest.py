from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.wheels import build_wheel, run

SOURCE = Path(__file__).parent / "everything"


@dataclass(frozen=True)
class Installed:
    """Folders that new interpreters have on their path, as if they were installed there."""

    folders: tuple[Path, ...]

    def command(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return self._python("-m", "batchyard", *arguments, **environ)

    def script(self, code: str) -> Any:
        """Run *code*, and return the JSON that it prints last."""
        done = self._python("-W", "error", "-c", code)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return json.loads(done.stdout.splitlines()[-1])

    def _python(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(map(str, self.folders))
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": path, **environ},
        )


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The distribution in ``everything/``, built as a wheel and installed from it."""
    folder = tmp_path_factory.mktemp("everything")
    wheel = build_wheel(SOURCE, folder / "wheels")
    target = folder / "installed"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "install", "--no-deps", "--target", str(target), str(wheel), check=True)
    return Installed((target,))
