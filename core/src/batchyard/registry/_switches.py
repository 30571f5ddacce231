"""Which plugins are switched off, durably: a file beside the user's configuration."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from batchyard.errors import ConfigError

__all__ = ["OFF", "Switches", "off_file", "plain"]

OFF = "BATCHYARD_PLUGINS_OFF"
"""The variable that switches plugins off beside the file: names, by commas."""

_FILE = "plugins-off"

_HEAD = "# switched off by `batchyard plugins disable`; one name of a plugin or package a line\n"


def plain(name: str) -> str:
    """A name as packaging tools compare it: ``My_Plugin`` is ``my-plugin``."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def off_file(environ: Mapping[str, str]) -> Path | None:
    """Where it is written down; ``None`` where there is no home.

    The same folder as that of the user's ``batchyard.toml``.
    """
    folder = environ.get("XDG_CONFIG_HOME")
    # a relative one is to be ignored (XDG Base Directory Specification)
    if folder and Path(folder).is_absolute():
        return Path(folder, "batchyard", _FILE)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(home, ".config", "batchyard", _FILE) if home else None


class Switches:
    """What is switched off: in the file, and by the variable.

    An entry is ``NAME``, of a plugin or of a package, or ``KIND:NAME``, such as
    ``sinks:table``, for one of several plugins that share a name.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._path = off_file(environ)

    @property
    def off(self) -> tuple[str, ...]:
        named = self._environ.get(OFF, "").split(",")
        return tuple(
            dict.fromkeys(one.strip() for one in (*self._written(), *named) if one.strip())
        )

    def __contains__(self, entry: str) -> bool:
        """Whether it is off by that name, however it is spelled."""
        return plain(entry) in map(plain, self.off)

    def add(self, entry: str) -> Path:
        """Switch it off, and return the file in which that is kept."""
        return self._write([*self._written(), entry])

    def remove(self, entries: Iterable[str]) -> Path:
        """Switch all of them on again, however they were spelled."""
        gone = {plain(one) for one in entries}
        return self._write([one for one in self._written() if plain(one) not in gone])

    def _written(self) -> list[str]:
        try:
            text = self._path.read_text(encoding="utf-8") if self._path else ""
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            # to load what somebody switched off would be worse
            raise ConfigError(
                f"cannot read which plugins are off, in {self._path}: {error}"
            ) from error
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return [one for one in lines if one]

    def _write(self, entries: list[str]) -> Path:
        if self._path is None:
            raise ConfigError(f"there is no home to keep this in: set {OFF} instead")
        text = _HEAD + "".join(f"{one}\n" for one in sorted(set(entries)))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self._path.parent, prefix=_FILE, delete=False, encoding="utf-8"
            ) as file:
                file.write(text)
            # whoever reads at this moment reads the old one or the new one
            os.replace(file.name, self._path)  # noqa: PTH105 - Path's takes no str
        except OSError as error:
            raise ConfigError(f"cannot write {self._path}: {error.strerror}") from error
        return self._path
