"""``[ledger]``: whether there is one, where it is, and how patient it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from batchyard.config._configuration import Configuration, Location, Table
from batchyard.config._fitting import checked
from batchyard.config._loading import load
from batchyard.config._places import data_folder
from batchyard.config._references import followed
from batchyard.config._secrecy import warn_if_readable
from batchyard.errors import ConfigError
from batchyard.registry import Registry

__all__ = ["LedgerSettings", "configured_ledger", "resolve_ledger"]

FILE = "ledger.db"

SQLITE = ("sqlite", "sqlite+aiosqlite")

POSTGRES = ("postgresql", "postgres", "postgresql+asyncpg", "postgresql+psycopg")

DAY = 86400.0


class LedgerSettings(BaseModel):
    """A ledger.  Times are seconds, where nothing else is said.

    ``url`` may be given as a path too; it comes out as ``sqlite:////…`` or ``postgresql://…``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        repr=False,
        description="the database: a path, sqlite:///path, or postgresql://host/name "
        "with user and password",
    )
    store: Path = Field(
        default=None,
        validate_default=True,
        description="the folder of the files; by default beside an SQLite database. "
        "With Postgres it must be given, and be the same for all processes",
    )
    enabled: bool = Field(default=True, description="whether the ledger is used")
    engine: str = Field(
        default="local",
        min_length=1,
        description="the plugin that runs the work: local, or procrastinate (Postgres)",
    )
    concurrency: int = Field(
        default=50, ge=1, le=1000, description="how much of the work one process does at a time"
    )
    grace: float = Field(
        default=600.0,
        ge=0,
        description="how long lines or files that a finished job lacks are looked for again",
    )
    finalizing_limit: float = Field(
        default=3600.0,
        gt=0,
        description="how long a finished batch may be shown as finalizing "
        "before its end is shown without its files",
    )
    lost_after: float = Field(
        default=DAY,
        gt=0,
        description="how long a job may be unknown to its provider before it counts as lost",
    )
    poll_first: float = Field(
        default=5.0, gt=0, description="how long after its creation a job is first asked for"
    )
    poll_most: float = Field(
        default=60.0, gt=0, description="the longest time between two looks at a running job"
    )
    retention_days: float | None = Field(
        default=None,
        gt=0,
        description="days that settled batches, their files and events are kept; for ever, if none",
    )
    settle_in_process: bool = Field(
        default=False,
        description="settle in a process of its own, so that nothing else waits for it",
    )
    migrate: bool = Field(
        default=True,
        description="bring an older database up to date when it is opened; "
        "in production, rather by command",
    )

    @field_validator("url", mode="before")
    @classmethod
    def _address(cls, value: Any) -> Any:
        return _normalised(os.fspath(value)) if isinstance(value, str | os.PathLike) else value

    @field_validator("store", mode="before")
    @classmethod
    def _beside(cls, value: Any, info: ValidationInfo) -> Any:
        url = info.data.get("url")
        if value is not None or url is None:
            return Path() if value is None else value
        if not url.startswith("sqlite:"):
            raise ValueError(
                "a ledger on Postgres needs a folder for the files, the same for all its processes"
            )
        return Path(url.removeprefix("sqlite:///")).with_suffix(".store")

    @field_validator("store")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @model_validator(mode="after")
    def _in_order(self) -> LedgerSettings:
        if self.poll_first > self.poll_most:
            raise ValueError("poll_first is more than poll_most")
        return self


def resolve_ledger(
    registry: Registry,
    given: str | os.PathLike[str] | LedgerSettings | bool | None = None,  # noqa: FBT001 - an argument of the client's, passed on
    config: str | os.PathLike[str] | Configuration | None = None,
) -> LedgerSettings | None:
    """The ledger that is to be used, or ``None`` for direct mode.

    *given* is the client's argument: ``None`` is as configured, ``True`` as
    configured or else the user's own (``batchyard/ledger.db`` in
    ``XDG_DATA_HOME``), ``False`` none.  An address stands above the configured
    one, whose files are then left alone too.  Raises :class:`ConfigError`.
    """
    if isinstance(given, LedgerSettings):
        return given if given.enabled else None
    if given is False:
        return None
    if not isinstance(config, Configuration):
        config = load(registry.environ, config)
    if given is None:
        return configured_ledger(registry, config) if config.ledger_enabled else None
    return configured_ledger(registry, config, None if given is True else os.fspath(given))


def configured_ledger(
    registry: Registry, config: Configuration, url: str | None = None
) -> LedgerSettings:
    """The ledger as configured, also one that is switched off; at *url*, if that is given."""
    table = config.table("ledger") or Table("ledger", {}, ())
    values: dict[str, Any] = {**table.values, "enabled": True}
    if url is not None:
        # the files of one ledger are not those of another
        same = values.get("url") is not None and _normalised(str(values["url"])) == _normalised(url)
        values = {**values, "url": url}
        if not same:
            values.pop("store", None)
    called = _names(table, url)
    values = followed(values, registry.environ, called)
    values = _placed(values, table if url is None else None)
    if "url" not in values:
        values["url"] = _own(registry.environ)
    settings = checked(LedgerSettings, values, called)
    if config.path is not None and _exposes(config.path, table):
        warn_if_readable(config.path)
    return settings


def _names(table: Table, url: str | None) -> Callable[[Location], str]:
    def called(location: Location) -> str:
        if not table.parts or (url is not None and location[:1] in {("url",), ("store",)}):
            return ".".join(map(str, ("ledger", *location)))
        return table.called(location)

    return called


def _placed(values: dict[str, Any], table: Table | None) -> dict[str, Any]:
    """With relative paths taken from the folder of the file that they are written in."""
    if table is None:
        return values
    if isinstance(values.get("store"), str):
        values["store"] = table.folder("store") / Path(values["store"]).expanduser()
    if isinstance(values.get("url"), str):
        values["url"] = _normalised_at(values["url"], table.folder("url"))
    return values


def _own(environ: Mapping[str, str]) -> Path:
    folder = data_folder(environ)
    if folder is None:
        raise ConfigError("there is no home folder for a ledger: give it a url", param="url")
    return folder / FILE


def _exposes(path: Path, table: Table) -> bool:
    """Whether the file has the database's password in so many words."""
    written = (one.get("url") for one in table.written(str(path)))
    return any(isinstance(url, str) and urlsplit(url).password for url in written)


def _normalised_at(url: str, folder: Path) -> str:
    try:
        path = _sqlite_path(url)
    except ValueError:
        return url  # validation says what is wrong with it, and where it is written
    return url if path is None else str(folder / path)


def _normalised(url: str) -> str:
    path = _sqlite_path(url)
    if path is not None:
        return f"sqlite:///{path.absolute()}"
    scheme, _, rest = url.partition("://")
    if scheme not in POSTGRES or not rest:
        raise ValueError("must be a path, sqlite:///path or postgresql://…")
    return f"postgresql://{rest}"


def _sqlite_path(url: str) -> Path | None:
    """The path of an SQLite database; ``None``, if it is something else."""
    scheme, found, rest = url.partition("://")
    if found and scheme not in SQLITE:
        return None
    path = rest.removeprefix("/") if found else url
    if not path or path == ":memory:" or "?" in path:
        raise ValueError("must be the path of a file: a ledger in memory forgets what was sent")
    return Path(path).expanduser()
