"""What a reader does with a page: writes its files, and types its commands one after another."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.docs.pages import Block

NOT_TYPED = re.compile(
    r"(?:\.|cd|deactivate|export|git|make|mkdir|pip|rm|unset) "
    r"|python -m venv |python benchmarks/|batchyard emulate (?!.*--quirk list)"
    r"|batchyard conformance "
)
"""What makes the environment that the test brings already, and what takes for ever.

And what asks a real service, or takes long: tests/templates runs the suites from a wheel.
"""

PROLOGUE = """
set -eu
python() { "$INTERPRETER" "$@"; }
batchyard() { "$INTERPRETER" -m batchyard "$@"; }
pytest() { "$INTERPRETER" -m pytest -p no:cacheprovider "$@"; }
"""


def follow(
    blocks: Iterable[Block], folder: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Follow a page in *folder*, in one shell.  ``# exit code 3`` after a command expects that."""
    commands = []
    for block in blocks:
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "console":
            commands += block.commands
    # a reader has none of the plugins of pytest that our own tests need, and that take seconds
    own = {"INTERPRETER": sys.executable, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if any(command.startswith("pip install -e ") for command in commands):
        own["PYTHONPATH"] = str(_installed(folder))
    typed = [_expecting(one) for one in commands if not NOT_TYPED.match(one)]
    return subprocess.run(
        ["/bin/bash", "-c", "\n".join([PROLOGUE, *typed])],
        cwd=folder,
        env={**environ, **own},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,  # a busy machine is no failure
    )


def _expecting(command: str) -> str:
    found = re.search(r" +# exit code (\d+)$", command)
    if found is None:
        return command
    return f"code=0; {command[: found.start()]} || code=$?; test $code -eq {found[1]}"


def _installed(folder: Path) -> Path:
    """What an editable install of the folder's package comes to, without an index."""
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    name, version = project["name"], project["version"]
    info = folder / "src" / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    sections = [
        "\n".join([f"[{group}]", *(f"{key} = {value}" for key, value in points.items())])
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(sections), encoding="utf-8")
    return folder / "src"
