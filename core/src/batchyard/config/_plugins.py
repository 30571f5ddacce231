"""``[sinks.NAME]`` and ``[gates.NAME]``: which plugins there are to be, and their settings."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from batchyard.config._configuration import Configuration, Location, Table, suggestion
from batchyard.config._fitting import checked
from batchyard.config._loading import load
from batchyard.config._references import followed
from batchyard.config._secrecy import holds_secret, warn_if_readable
from batchyard.errors import ConfigError, UnknownPluginError
from batchyard.hookspecs import ListenerSpec
from batchyard.registry import Registry

__all__ = [
    "EVENT_HOOKS",
    "GateSettings",
    "SinkSettings",
    "configured_gate",
    "configured_sink",
    "resolve_gates",
    "resolve_sinks",
]

EVENT_HOOKS = tuple(one for one in vars(ListenerSpec) if one[0] != "_" and one != "request_sent")
"""What a sink may be for.  Requests are told to listeners only: a delivery sends one itself."""


def _share(value: Any) -> Any:
    """A share of all lines, also as a word."""
    return {"none": 0.0, "all": 1.0}.get(value, value) if isinstance(value, str) else value


class SinkSettings(BaseModel):
    """A subscription.

    ``settings`` is an instance of the ``Settings`` that the plugin's class has, or
    else a mapping of the arguments that the class is made with.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sink: str = Field(min_length=1, description="the plugin; by default the one of this name")
    events: tuple[str, ...] = Field(default=(), description="the events; all, if none are named")
    lines: Annotated[float, BeforeValidator(_share)] = Field(
        default=0.0,
        ge=0,
        le=1,
        description='lines of batches that are told too: "all", "none", or a share such as 0.1',
    )
    bodies: bool = Field(default=False, description="whether lines have requests and responses")
    redact: tuple[Literal["custom_id", "errors", "filename", "identity", "metadata"], ...] = Field(
        default=(), description="what is left out of events and lines"
    )
    rate: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="deliveries in a second, by each worker; without it, any number",
    )
    settings: Any = Field(default={}, repr=False)


OWN = {
    "sinks": ("sink", "events", "hooks", "lines", "bodies", "redact", "rate"),
    "gates": ("gate", "order"),
}
"""The keys of a table that are ours; all others are the plugin's."""


class GateSettings(BaseModel):
    """A gate.  ``settings`` are like a sink's."""

    model_config = ConfigDict(frozen=True)

    name: str
    gate: str = Field(min_length=1, description="the plugin; by default the one of this name")
    order: int = Field(default=0, description="gates run from the smallest on")
    settings: Any = Field(default={}, repr=False)


def resolve_sinks(
    registry: Registry, config: str | os.PathLike[str] | Configuration | None = None
) -> tuple[SinkSettings, ...]:
    """The sinks that are configured, by name.  Raises :class:`ConfigError`."""
    if not isinstance(config, Configuration):
        config = load(registry.environ, config)
    return tuple(configured_sink(registry, config, name) for name in config.names_of("sinks"))


def resolve_gates(
    registry: Registry, config: str | os.PathLike[str] | Configuration | None = None
) -> tuple[GateSettings, ...]:
    """The gates that are configured, as they are to run: by ``order``, then by name.

    Raises :class:`ConfigError`.
    """
    if not isinstance(config, Configuration):
        config = load(registry.environ, config)
    gates = [configured_gate(registry, config, name) for name in config.names_of("gates")]
    return tuple(sorted(gates, key=lambda one: (one.order, one.name)))


def configured_sink(registry: Registry, config: Configuration, name: str) -> SinkSettings:
    """The sink of that name."""
    table = _table(config, "sinks", name)
    own = {"sink": table.name, **_own(table, *OWN["sinks"])}
    spelled = _spelling(table, own)

    def called(at: Location) -> str:
        return table.called((spelled, *at[1:]) if at[:1] == ("events",) else at)

    head = checked(SinkSettings, {"name": table.name, **own}, called)
    for number, hook in enumerate(head.events):
        if hook not in EVENT_HOOKS:
            raise ConfigError(
                f"{called(('events', number))}: there is no event {hook!r}"
                f"{suggestion(hook, EVENT_HOOKS)}",
                param=spelled,
            )
    settings = _settings(registry, config, table, ("sinks", "sink", head.sink), own)
    if head.lines and not hasattr(registry.load("sinks", head.sink), "deliver_lines"):
        raise ConfigError(
            f"{table.called(('lines',))}: the sink {head.sink!r} takes events only", param="lines"
        )
    return head.model_copy(update={"settings": settings})


def _spelling(table: Table, own: dict[str, Any]) -> str:
    """How the table spells ``events``, which were ``hooks`` once."""
    if "hooks" not in own:
        return "events"
    if "events" in own:
        raise ConfigError(f"{table.called(('hooks',))}: events says the same", param="hooks")
    own["events"] = own.pop("hooks")
    return "hooks"


def configured_gate(registry: Registry, config: Configuration, name: str) -> GateSettings:
    """The gate of that name."""
    table = _table(config, "gates", name)
    own = {"gate": table.name, **_own(table, *OWN["gates"])}
    head = checked(GateSettings, {"name": table.name, **own}, table.called)
    settings = _settings(registry, config, table, ("gates", "gate", head.gate), own)
    return head.model_copy(update={"settings": settings})


def _table(config: Configuration, kind: str, name: str) -> Table:
    table = config.find_named(kind, name)
    if table is None:
        known = config.names_of(kind)
        raise ConfigError(
            f"there is no {kind.removesuffix('s')} {name!r}; {kind}: {', '.join(known) or 'none'}"
            f"{suggestion(name, known)}",
            param=kind,
        )
    return table


def _own(table: Table, *keys: str) -> dict[str, Any]:
    return {key: table.values[key] for key in keys if key in table.values}


def _settings(
    registry: Registry,
    config: Configuration,
    table: Table,
    plugin: tuple[str, str, str],
    own: Mapping[str, Any],
) -> BaseModel | Mapping[str, Any]:
    """What the plugin is made with, checked against what it takes.

    Of *own*, which are ours, it gets those that its model has a field for.
    """
    group, key, name = plugin
    try:
        loaded = registry.load(group, name)
    except UnknownPluginError as error:
        raise ConfigError(f"{table.called((key,))}: {error.message}", param=key) from None
    ours = OWN[group]
    written = {name: value for name, value in table.values.items() if name not in ours}
    values: dict[str, Any] = followed(written, registry.environ, table.called)
    model: Any = getattr(loaded, "Settings", None)
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        _check_arguments(loaded, values, table, ours)
        return values
    values |= {name: value for name, value in own.items() if name in model.model_fields}
    settings: BaseModel = checked(model, values, table.called)
    path = config.path
    if path is not None and any(holds_secret(one, settings) for one in table.written(str(path))):
        warn_if_readable(path)
    return settings


def _check_arguments(
    loaded: Any, values: Mapping[str, Any], table: Table, ours: tuple[str, ...]
) -> None:
    """Refuse settings that the plugin's class has no argument for, and lacks of those it needs."""
    parameters = inspect.signature(loaded).parameters if inspect.isclass(loaded) else {}
    kinds = {one.kind for one in parameters.values()}
    known = tuple(parameters)
    problems = [
        f"{table.called((key,))}: there is no such setting{suggestion(key, (*known, *ours))}"
        for key in values
        if key not in parameters and inspect.Parameter.VAR_KEYWORD not in kinds
    ]
    problems += [
        f"{table.called((name,))}: this setting is needed"
        for name, one in parameters.items()
        if one.default is one.empty
        and one.kind not in {one.VAR_POSITIONAL, one.VAR_KEYWORD}
        and name not in values
    ]
    if problems:
        raise ConfigError("; ".join(problems), param=table.name)
