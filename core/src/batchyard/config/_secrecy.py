"""Secrets in a file that others can read."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Secret, SecretBytes, SecretStr

from batchyard.config._references import is_reference

__all__ = ["holds_secret", "readable_by_others", "warn", "warn_if_readable"]

log = logging.getLogger("batchyard.config")

SECRETS = (Secret, SecretBytes, SecretStr)


def holds_secret(table: Any, made: Any) -> bool:
    """Whether *table*, from which the settings *made* come, has a secret in so many words."""
    if isinstance(table, Mapping):
        return any(holds_secret(value, _part(made, key)) for key, value in table.items())
    return isinstance(made, SECRETS) and not is_reference(table)


def _part(made: Any, key: str) -> Any:
    return made.get(key) if isinstance(made, Mapping) else getattr(made, key, None)


def readable_by_others(path: Path) -> bool:
    """Whether every user of this machine may read the file, as far as its mode says so."""
    return os.name == "posix" and bool(path.stat().st_mode & stat.S_IROTH)


@cache
def warn(path: Path) -> None:
    """Say once in a process that the secrets in the file are none."""
    log.warning(
        "%s holds secrets, and everybody on this machine can read it: chmod 600 %s", path, path
    )


def warn_if_readable(path: Path) -> None:
    if readable_by_others(path):
        warn(path)
