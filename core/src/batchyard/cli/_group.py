"""The command group: a command is imported when it is called, and a broken one breaks no other."""

from __future__ import annotations

import importlib

import click
from click.shell_completion import CompletionItem

from batchyard.cli._failures import Failures
from batchyard.errors import PluginContractError

__all__ = ["COMMANDS", "LazyGroup"]

COMMANDS = {
    "adopt": ("batchyard.cli._adopt", "Take over a batch that was made elsewhere."),
    "batches": ("batchyard.cli._batches", "Create, watch, cancel and read batches."),
    "completion": ("batchyard.cli._completion", "Print a script for your shell's completion."),
    "config": ("batchyard.cli._config", "Show and check the configuration."),
    "conformance": ("batchyard.cli._conformance", "Try whether a provider keeps the contract."),
    "doctor": ("batchyard.cli._doctor", "Check that the accounts can be used."),
    "emulate": ("batchyard.cli._emulate", "Run a provider's emulator on this machine."),
    "estimate": ("batchyard.cli._estimate", "Estimate the tokens and the cost of FILE."),
    "events": ("batchyard.cli._events", "See what happened and was delivered; deliver again."),
    "files": ("batchyard.cli._files", "Upload, list, fetch and delete files."),
    "keys": ("batchyard.cli._keys", "Create, list, rotate and revoke a gateway's API keys."),
    "ledger": ("batchyard.cli._ledger", "See to the ledger's database."),
    "plugins": (
        "batchyard.cli._plugins",
        "See what is installed and whether it works; begin your own.",
    ),
    "prices": (
        "batchyard.cli._prices",
        "Show what models cost in batches, and what has no price.",
    ),
    "providers": ("batchyard.cli._providers", "List the providers that are installed."),
    "reprice": ("batchyard.cli._reprice", "Price settled batches anew."),
    "run": ("batchyard.cli._run", "Run FILE, a JSONL file of requests, as a batch."),
    "serve": ("batchyard.cli._serve", "Serve a files and batches API to many clients."),
    "sinks": (
        "batchyard.cli._sinks",
        "See what events go to, try it, hold it back, and what waits.",
    ),
    "usage": ("batchyard.cli._usage", "Sum up what settled batches used and cost."),
    "validate": ("batchyard.cli._validate", "Check FILE, a JSONL file of requests."),
    "worker": ("batchyard.cli._worker", "Follow the ledger's batches until stopped."),
}
"""Each of our commands: its module, whose object is called ``command``, and its short help.

The help stands here so that ``--help`` imports none of them.
"""


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
            module, _ = COMMANDS[cmd_name]
            command: click.Command = importlib.import_module(module).command
            return command
        return _plugin(cmd_name) if cmd_name in _plugin_names() else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; of a plugin only its name, since its help would import it."""
        rows = [(name, _help(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete from names alone: a plugin that is broken must not break the shell."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=_help(name)) for name in names]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def _help(name: str) -> str:
    return COMMANDS[name][1] if name in COMMANDS else "(plugin)"


def _plugin_names() -> set[str]:
    from batchyard.registry import Registry

    return {info.name for info in Registry().installed("commands")}


def _plugin(name: str) -> click.Command:
    from batchyard.registry import Registry

    command = Registry().load("commands", name)
    if not isinstance(command, click.Command):
        raise PluginContractError(f"the plugin command {name!r} is not a click command")
    return command
