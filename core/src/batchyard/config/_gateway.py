"""``[gateway]``: where it listens, who may use it, and how much it takes."""

from __future__ import annotations

import os

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from batchyard.config._configuration import Configuration, Table
from batchyard.config._fitting import checked
from batchyard.config._loading import load
from batchyard.config._references import followed
from batchyard.config._secrecy import holds_secret, warn_if_readable
from batchyard.errors import ConfigError
from batchyard.registry import Registry

__all__ = ["MASTER_KEY", "GatewaySettings", "resolve_gateway"]

MASTER_KEY = "BATCHYARD_MASTER_KEY"
"""The variable that has the master key, where the configuration has none."""

LEAST = 16
"""Characters of a master key: a short one is guessed."""


class GatewaySettings(BaseModel):
    """A gateway.  Sizes are bytes, times seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", description="the address to listen at")
    port: int = Field(default=4000, ge=0, le=65535, description="the port to listen at")
    workers: int = Field(default=1, ge=1, le=64, description="processes that answer requests")
    master_key: SecretStr | None = Field(
        default=None,
        description="the key that may do everything; "
        "without one, and without other keys, whoever reaches the gateway may",
    )
    follow: bool = Field(
        default=True,
        description="follow the batches too; if not, a worker has to (batchyard worker)",
    )
    max_file_bytes: int = Field(
        default=1024**3, gt=0, description="the most bytes that one uploaded file may have"
    )
    max_uploads: int = Field(
        default=32, ge=1, le=1000, description="uploads that one process takes at a time"
    )
    idle_timeout: float = Field(
        default=60.0, gt=0, description="how long a request may stand still on its way in"
    )
    drain: float = Field(
        default=30.0,
        ge=0,
        description="how long requests and batches that are worked on may take to end, "
        "when it is told to stop",
    )
    access_log: bool = Field(default=True, description="log each request")


def resolve_gateway(
    registry: Registry, config: str | os.PathLike[str] | Configuration | None = None
) -> GatewaySettings:
    """The gateway as it is configured.  Raises :class:`ConfigError`."""
    if not isinstance(config, Configuration):
        config = load(registry.environ, config)
    table = config.table("gateway") or Table("gateway", {}, ())
    called = table.called if table.parts else lambda at: ".".join(map(str, ("gateway", *at)))
    values = followed(dict(table.values), registry.environ, called)
    settings = checked(GatewaySettings, values, called)
    path = config.path
    if path is not None and any(holds_secret(one, settings) for one in table.written(str(path))):
        warn_if_readable(path)
    if settings.master_key is None and (key := registry.environ.get(MASTER_KEY)):
        settings = settings.model_copy(update={"master_key": SecretStr(key)})
    key = settings.master_key.get_secret_value() if settings.master_key else None
    if key is not None and len(key) < LEAST:
        raise ConfigError(
            f"the master key has {len(key)} characters, and needs {LEAST}: "
            "make one with `openssl rand -hex 32`",
            param="master_key",
        )
    return settings
