"""Where the configuration file is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from batchyard.errors import ConfigError

__all__ = ["FILE_NAME", "FILE_VARIABLE", "find_file"]

FILE_NAME = "batchyard.toml"

FILE_VARIABLE = "BATCHYARD_CONFIG"
"""The variable that names the file."""


def find_file(
    environ: Mapping[str, str], given: str | os.PathLike[str] | None = None
) -> Path | None:
    """The one file that counts: the one given, the variable's, the folder's, or the user's.

    The null device, given or in the variable, is no file at all.  Raises
    :class:`ConfigError` for a file that was named and is not there.
    """
    named = given or environ.get(FILE_VARIABLE)
    if not named:
        return next((path for path in _places(environ) if os.path.isfile(path)), None)  # noqa: PTH113 - Path's raises where a folder may not be entered
    path = Path(named).expanduser()
    if str(path) == os.devnull:
        return None
    if not path.exists():
        source = "" if given else f" ({FILE_VARIABLE})"
        raise ConfigError(f"there is no configuration file {path}{source}", param="config_file")
    return path


def _places(environ: Mapping[str, str]) -> Iterator[Path]:
    yield Path(FILE_NAME)
    folder = environ.get("XDG_CONFIG_HOME")
    home = environ.get("HOME") or environ.get("USERPROFILE")
    # a relative one is to be ignored (XDG Base Directory Specification)
    if folder and Path(folder).is_absolute():
        yield Path(folder, "batchyard", FILE_NAME)
    elif home:
        yield Path(home, ".config", "batchyard", FILE_NAME)
