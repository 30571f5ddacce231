"""The command group: a command is imported when it is called, and a broken one breaks no other."""

from __future__ import annotations

import importlib

import click

from batchyard.cli._failures import Failures
from batchyard.errors import BatchyardError

__all__ = ["LazyGroup"]

COMMANDS = {
    "emulate": "batchyard.cli._emulate",
    "providers": "batchyard.cli._providers",
    "run": "batchyard.cli._run",
}
"""The module of each of our commands; its object is called ``command``."""


class LazyGroup(Failures, click.Group):
    """Our own commands, then those of plugins (group ``batchyard.commands``)."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted({*COMMANDS, *_plugin_names()})

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name in COMMANDS:
            command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
            return command
        return _plugin(cmd_name) if cmd_name in _plugin_names() else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; of a plugin only its name, since its help would import it."""
        rows = []
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name) if name in COMMANDS else None
            rows.append((name, command.get_short_help_str() if command else "(plugin)"))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _plugin_names() -> set[str]:
    from batchyard.registry import Registry

    return {info.name for info in Registry().installed("commands")}


def _plugin(name: str) -> click.Command:
    from batchyard.registry import Registry

    command = Registry().load("commands", name)
    if not isinstance(command, click.Command):
        raise BatchyardError(f"the plugin command {name!r} is not a click command")
    return command
