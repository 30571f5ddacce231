"""Make .venv hold exactly what the lock and the packages ask for, when it does not already."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "bootstrapped"
LOCK = ROOT / "requirements" / "dev.txt"


def packages() -> list[Path]:
    """Return the folders of the workspace's packages, core first."""
    return [ROOT / "core", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


def fingerprint() -> str:
    """Digest what the environment is made from: contents, since git touches times."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {ROOT}".encode())
    for path in [LOCK, *(package / "pyproject.toml" for package in packages())]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def refuse_another_python() -> None:
    """Stop before a second minor version is installed over the first."""
    settings = VENV / "pyvenv.cfg"
    wanted = f"version = {sys.version_info.major}.{sys.version_info.minor}."
    if settings.exists() and wanted not in settings.read_text(encoding="utf-8"):
        sys.exit(f"{VENV} belongs to another version of Python: run `make clean` first")


def install() -> None:
    """Install the lock with its hashes checked, then the packages as editable.

    The lock is complete, so nothing is resolved: pip would want a pin of its own for
    each extra that a package asks for, which a lock that is also a constraint cannot have.
    """
    if not (VENV / "bin" / "pip").exists():
        venv.create(VENV, with_pip=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(LOCK)], check=True)
    editables = [part for package in packages() for part in ("-e", str(package))]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", *editables], check=True)


def main() -> None:
    """Bootstrap once, however many `make` run at the same time."""
    VENV.mkdir(exist_ok=True)
    with (VENV / ".bootstrap-lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        wanted = fingerprint()
        if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
            return
        refuse_another_python()
        print("Installing the locked packages into .venv …", file=sys.stderr)
        try:
            install()
        except subprocess.CalledProcessError as error:
            sys.exit(error.returncode)
        STAMP.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    main()
