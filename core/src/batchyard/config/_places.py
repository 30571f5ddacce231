"""Where the configuration file is, and where data are."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from batchyard.errors import ConfigError

__all__ = ["FILE_NAME", "FILE_VARIABLE", "data_folder", "find_file"]

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
    folder = _own(environ, "XDG_CONFIG_HOME", ".config")
    if folder is not None:
        yield folder / FILE_NAME


def data_folder(environ: Mapping[str, str]) -> Path | None:
    """The folder of the user's own data; ``None`` where there is no home."""
    return _own(environ, "XDG_DATA_HOME", ".local/share")


def _own(environ: Mapping[str, str], variable: str, default: str) -> Path | None:
    folder = environ.get(variable)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    # a relative one is to be ignored (XDG Base Directory Specification)
    if folder and Path(folder).is_absolute():
        return Path(folder, "batchyard")
    return Path(home, default, "batchyard") if home else None
