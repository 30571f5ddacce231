"""Projects that the templates make, and their tests, run as their authors run them."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from batchyard.templates import generate

__all__ = ["NAMES", "Project", "made"]

NAMES = {"gate": "privacy", "prices": "house", "provider": "pigeon", "sink": "table"}
"""A plugin of each kind, as the guides call it."""


@dataclass(frozen=True, slots=True)
class Project:
    """A generated project, on the path of new interpreters as if it were installed."""

    folder: Path
    name: str

    @property
    def package(self) -> Path:
        return self.folder / "src" / f"batchyard_{self.name}"

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its tests with nothing but pytest itself."""
        return self.python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {
            "PYTHONPATH": str(self.folder / "src"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "COLUMNS": "300",
        }
        return subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=self.folder,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            check=False,
        )


def made(kind: str, into: Path, name: str | None = None) -> Project:
    """A new project of that kind."""
    project = Project(into, name or NAMES[kind])
    generate(kind, project.name, into)
    about = tomllib.loads((into / "pyproject.toml").read_text("utf-8"))["project"]
    info = into / "src" / f"batchyard_{project.name}-{about['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    sections = [
        "\n".join([f"[{group}]", *(f"{key} = {value}" for key, value in points.items())])
        for group, points in about["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(sections), encoding="utf-8")
    return project
