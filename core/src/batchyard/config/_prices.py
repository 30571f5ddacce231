"""``[prices]``, and the prices that an account has for itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from batchyard.config._configuration import Configuration, Location, Table
from batchyard.config._fitting import checked
from batchyard.config._loading import load
from batchyard.config._references import followed
from batchyard.errors import ConfigError
from batchyard.registry import Registry

__all__ = ["PriceSettings", "account_prices", "configured_prices", "resolve_prices"]


class PriceSettings(BaseModel):
    """Where prices come from, besides those of the accounts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    litellm_file: Path | None = Field(
        default=None, description="a file in the format of LiteLLM's price list, asked late"
    )
    sources: tuple[str, ...] | None = Field(
        default=None,
        description="the price plugins that are asked, in this order; by default all there are",
    )


Money = Field(default=None, ge=0, allow_inf_nan=False)


class Tokens(BaseModel):
    """US dollars for a million tokens of each kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Decimal | None = Money
    output: Decimal | None = Money
    cached_input: Decimal | None = Money
    cache_write: Decimal | None = Money
    input_audio: Decimal | None = Money
    output_audio: Decimal | None = Money
    input_image: Decimal | None = Money
    output_image: Decimal | None = Money


class ModelPrices(Tokens):
    """What an account pays for one model.  ``batch_discount`` 0.5 halves all of it."""

    batch_discount: Decimal | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    long_context_above: int | None = Field(default=None, gt=0)
    long_context: Tokens | None = None


class AccountPrices(BaseModel):
    prices: dict[str, ModelPrices] = {}


def resolve_prices(
    registry: Registry, config: str | os.PathLike[str] | Configuration | None = None
) -> PriceSettings:
    """Where prices come from, as it is configured.  Raises :class:`ConfigError`."""
    if not isinstance(config, Configuration):
        config = load(registry.environ, config)
    return configured_prices(registry, config)


def configured_prices(registry: Registry, config: Configuration) -> PriceSettings:
    table = config.table("prices")
    if table is None:
        return PriceSettings()
    values = followed(dict(table.values), registry.environ, table.called)
    if isinstance(values.get("litellm_file"), str):
        file = Path(values["litellm_file"]).expanduser()
        values["litellm_file"] = (table.folder("litellm_file") / file).absolute()
    settings = checked(PriceSettings, values, table.called)
    _check_file(settings, table)
    return settings


def _check_file(settings: PriceSettings, table: Table) -> None:
    file = settings.litellm_file
    if file is not None and not file.is_file():
        said = table.called(("litellm_file",))
        raise ConfigError(f"{said}: there is no file {file}", param="litellm_file")


def account_prices(
    prices: Any, called: Callable[[Location], str]
) -> Mapping[str, Mapping[str, Any]]:
    """An account's own prices by model: what is said of each, money as ``Decimal``."""
    own = checked(AccountPrices, {"prices": prices}, called)
    return {
        model: one.model_dump(exclude_none=True, exclude_unset=True)
        for model, one in own.prices.items()
    }
