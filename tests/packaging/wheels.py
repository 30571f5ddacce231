"""Wheels built from folders, and clean environments to install them into."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.authorities import outside

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "dev.txt"

# what a developer's shell may set and a user's does not
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST", "OPENAI_API_KEY")


def build_wheel(source: Path, into: Path) -> Path:
    """Build the project in `source` by the hook that every front end calls."""
    into.mkdir(parents=True, exist_ok=True)
    hook = f"import hatchling.build as hooks; print(hooks.build_wheel({str(into)!r}))"
    done = run(sys.executable, "-c", hook, check=True, cwd=source)
    return into / done.stdout.splitlines()[-1]


def run(
    *command: str, check: bool = False, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as from a user's shell; with `check`, its output is in the failure."""
    trusted = outside()
    gone = {*FOREIGN, *trusted}
    environment = {name: value for name, value in os.environ.items() if name not in gone}
    environment |= {name: value for name, value in trusted.items() if value}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=cwd
    )
    if check and done.returncode:
        message = f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}"
        raise AssertionError(message)
    return done


def pins(lock: Path = LOCK) -> str:
    """Return the lock as constraints, without hashes: wheels built here are not in it."""
    return "".join(
        f"{pin}\n" for pin in re.findall(r"(?m)^(\S+==\S+(?: ; [^\\\n]+)?)", lock.read_text())
    )


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds what is installed into it and nothing else."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> Environment:
        venv.create(folder)
        (folder / "constraints.txt").write_text(pins(), encoding="utf-8")
        return cls(folder)

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def install(self, *wheels: Path) -> None:
        """Install wheels, and what they need in the versions of the lock."""
        constraints = ["--constraint", str(self.folder / "constraints.txt")]
        # what is imported is compiled then
        self._pip("install", "--no-compile", *constraints, *map(str, wheels))

    def uninstall(self, *names: str) -> None:
        """Uninstall those of them that are there."""
        there = [name for name in names if name.replace("-", "_") in self.distributions()]
        if there:
            self._pip("uninstall", "--yes", *there)

    @contextmanager
    def holding(self, wheel: Path) -> Iterator[None]:
        """With a wheel and what it needs for the length of the block, and without them after."""
        before = self.distributions()
        self.install(wheel)
        try:
            yield
        finally:
            self.uninstall(*sorted(self.distributions() - before))

    def distributions(self) -> set[str]:
        """The names of all that is installed here."""
        found = self.folder.glob("lib/python*/site-packages/*.dist-info")
        return {path.name.partition("-")[0] for path in found}

    def run(
        self, command: str, *arguments: str, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that is installed here."""
        return run(str(self.folder / "bin" / command), *arguments, cwd=cwd)

    def _pip(self, *arguments: str) -> None:
        """Run our own pip for this environment, which is quicker than giving it one."""
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "--quiet"]
        run(*pip, *arguments, check=True)
