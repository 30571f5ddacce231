"""The command line, run in this process."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from batchyard.cli import main
from batchyard_openai.emulator import OpenAIEmulator
from tests.interpreter import python


class Shell:
    """Runs commands in a folder, against an emulator, without the user's own configuration."""

    def __init__(
        self, folder: Path, emulator: OpenAIEmulator, url: str, **environment: str
    ) -> None:
        self.folder = folder
        self.emulator = emulator
        self.environment = {
            **emulator.environment(url),
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder),
            "XDG_DATA_HOME": str(folder / "data"),
            **environment,
        }

    def __call__(self, *arguments: str | Path, **environment: str | None) -> Result:
        return CliRunner().invoke(
            main, [str(one) for one in arguments], env={**self.environment, **environment}
        )

    def done(self, *arguments: str | Path, code: int = 0, **environment: str | None) -> str:
        """Standard output, without its last line end; the exit code is *code*."""
        result = self(*arguments, **environment)
        assert result.exit_code == code, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.stdout.removesuffix("\n")

    def json(self, *arguments: str | Path, code: int = 0, **environment: str | None) -> Any:
        return json.loads(self.done(*arguments, "--json", code=code, **environment))

    def started(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """The command in a process of its own."""
        return subprocess.Popen(
            [*python(), "-m", "batchyard", *map(str, arguments)],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # a suite that runs in the background is started with Ctrl-C ignored
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )

    def file(self, content: bytes, name: str = "in.jsonl") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def written(self) -> dict[str, list[dict[str, Any]]]:
        return {
            path.name: [json.loads(line) for line in path.read_bytes().splitlines()]
            for path in sorted(self.folder.glob("*.*.jsonl"))
        }

    def posted(self) -> int:
        return [one.method for one in self.emulator.requests].count("POST")
