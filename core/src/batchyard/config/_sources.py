"""The shape of a configuration, and what reads it.

Imported when there is something to read: pydantic-settings takes a while to import.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from batchyard.errors import ConfigError

__all__ = ["Shape", "of_file", "of_variables"]

LEDGER = "batchyard_ledger"

SWITCHES = ("true", "false", "1", "0", "yes", "no", "on", "off")
"""What is no ledger's address, but whether there is to be one."""

MAX_BYTES = 1024 * 1024
"""A configuration is written by hand; what is larger is something else."""


class Shape(BaseSettings):
    """What may stand in a file.  An account's settings are its provider's to check."""

    model_config = SettingsConfigDict(
        env_prefix="BATCHYARD_", env_nested_delimiter="__", extra="forbid"
    )

    default_account: str | None = None
    accounts: dict[str, dict[str, Any]] = {}
    sinks: dict[str, dict[str, Any]] = {}
    gates: dict[str, dict[str, Any]] = {}
    gateway: dict[str, Any] = {}
    ledger: dict[str, Any] = {}
    models: dict[str, dict[str, Any]] = {}
    prices: dict[str, Any] = {}

    @field_validator("ledger", mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """``ledger = true`` and ``ledger = "ledger.db"`` are tables with that one key."""
        if isinstance(value, bool):
            return {"enabled": value}
        return {"url": value} if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings' signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """None but what it is made with: each source is checked alone, to be named in errors."""
        return (init_settings,)


class _Texts(EnvSettingsSource):
    """Variables as they are: a key of digits is a text, and no number."""

    def decode_complex_value(
        self,
        field_name: str,  # noqa: ARG002 - pydantic-settings' signature
        field: FieldInfo,  # noqa: ARG002 - the same
        value: Any,
    ) -> Any:
        return value


def of_variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """What the variables say, by names in lower case.  One that is empty says nothing."""
    variables = {name.lower(): value for name, value in environ.items() if value}
    short = variables.pop(LEDGER, None)
    if short is not None:
        # beside BATCHYARD_LEDGER__URL it would hide all that is within the table
        key = "enabled" if short.lower() in SWITCHES else "url"
        variables.setdefault(f"{LEDGER}__{key}", short)
    source = _Texts(Shape)
    source.env_vars = variables
    return source()


def of_file(path: Path) -> dict[str, Any]:
    """What the file says.  Raises :class:`ConfigError` with the line where it is not TOML."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path} is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ConfigError(f"{path} has {status.st_size:,} bytes: that is no configuration")
        return TomlConfigSettingsSource(Shape, toml_file=path)()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {_located(path, error)}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path} is not UTF-8 (at line {line})") from None
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply") from None


def _located(path: Path, error: tomllib.TOMLDecodeError) -> str:
    """With the line, also where the end of the document is all that it says."""
    last = path.read_bytes().rstrip().count(b"\n") + 1
    return str(error).replace("at end of document", f"at line {last}, the end")
