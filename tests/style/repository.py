"""What the style tests look at: the files that are, or would be, committed."""

from __future__ import annotations

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
GENERATED = {"build", "dist", "__pycache__"}


@cache
def files() -> tuple[Path, ...]:
    """Return what git tracks or would add; every file of an unpacked archive."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listing.returncode == 0 and listing.stdout:
        found = (ROOT / name for name in listing.stdout.decode().split("\0") if name)
        return tuple(sorted(path for path in found if path.is_file()))
    return tuple(sorted(path for path in ROOT.rglob("*") if path.is_file() and kept(path)))


def kept(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return not any(part in GENERATED or part.startswith(".") for part in parts)


def sources() -> list[Path]:
    """Return the Python files that are shipped."""
    return [path for path in files() if path.suffix == ".py" and is_source(path)]


def is_source(path: Path) -> bool:
    return any(path.is_relative_to(package / "src") for package in PACKAGES)


def module_name(path: Path) -> str:
    """Return the dotted name under which a shipped file is imported."""
    parts = list(path.relative_to(path.parents[-1]).with_suffix("").parts)
    parts = parts[parts.index("src") + 1 :] if "src" in parts else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def project(package: Path) -> dict[str, Any]:
    """Return the `[project]` table of a package."""
    table: dict[str, Any] = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))
    return table["project"]  # type: ignore[no-any-return]  # TOML has no schema here
