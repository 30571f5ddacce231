"""``batchyard emulate``: a provider's service, on this machine."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import click

from batchyard.cli._options import debug_option, json_option
from batchyard.cli._output import echo, emit
from batchyard.errors import ConfigError, PluginLoadError
from batchyard.registry import Registry

if TYPE_CHECKING:
    from batchyard.emulators import Emulator

__all__ = ["command"]


@click.command("emulate", short_help="Run a provider's emulator on this machine.")
@click.argument("name")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--time-scale",
    type=click.FloatRange(min=0),
    default=None,
    help="1 takes as long as the service; by default a small batch takes about two seconds.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Changes the answers.")
@click.option("--quirk", "quirks", multiple=True, help="Switch on a quirk; 'list' names them.")
@click.option(
    "--fault", "faults", multiple=True, help="For example 'POST /v1/batches 429 times=2'."
)
@json_option
@debug_option
def command(
    name: str,
    port: int,
    host: str,
    time_scale: float | None,
    seed: int,
    quirks: tuple[str, ...],
    faults: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run NAME's emulator until Ctrl-C: a strict server that needs no account."""
    cls = _loaded(name)
    if "list" in quirks:
        _list_quirks(cls, as_json=as_json)
        return
    emulator = _made(cls, time_scale, seed, quirks)
    _arm(emulator, faults)

    def announce(url: str) -> None:
        variables = dict(emulator.environment(url))
        if as_json:
            # one line, so that a program knows when it has all of it
            echo(json.dumps({"url": url, "environment": variables}))
            return
        echo(f"listening on {url}")
        echo("point clients at it with:")
        for variable, value in variables.items():
            echo(f"  export {variable}={shlex.quote(value)}")

    try:
        emulator.run(port, host, announce)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error


def _list_quirks(cls: type[Emulator], *, as_json: bool) -> None:
    if as_json:
        found = [{"name": one.name, "description": one.description} for one in cls.known_quirks]
        emit({"quirks": found})
        return
    for quirk in cls.known_quirks:
        echo(f"{quirk.name:<28} {quirk.description}")


def _loaded(name: str) -> type[Emulator]:
    try:
        cls: type[Emulator] = Registry().load("emulators", name)
    except PluginLoadError as error:
        if isinstance(error.__cause__, ImportError):
            raise PluginLoadError(
                f"{error.message}\nEmulators need more packages: pip install 'batchyard[emulate]'"
            ) from error
        raise
    return cls


def _made(
    cls: type[Emulator], time_scale: float | None, seed: int, quirks: tuple[str, ...]
) -> Emulator:
    try:
        if time_scale is None:
            return cls(seed=seed, quirks=quirks)
        return cls(seed=seed, quirks=quirks, time_scale=time_scale)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--quirk") from error


def _arm(emulator: Emulator, faults: tuple[str, ...]) -> None:
    from batchyard.emulators import Fault

    for text in faults:
        try:
            emulator.faults.add(Fault.parse(text))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--fault") from error
