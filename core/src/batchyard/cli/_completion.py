"""``batchyard completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from batchyard.cli._options import debug_option
from batchyard.errors import BatchyardError

__all__ = ["command"]

NAME = "batchyard"

VARIABLE = "_BATCHYARD_COMPLETE"
"""What the script sets when it asks; click makes the same name of the program's."""


@click.command("completion", short_help="Print a script for your shell's completion.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@debug_option
def command(shell: str) -> None:
    """Print a script that completes commands and options in SHELL."""
    cls = get_completion_class(shell)
    if cls is None:
        raise BatchyardError(f"this version of click does not complete in {shell}")
    made = cls(click.get_current_context().find_root().command, {}, NAME, VARIABLE)
    # not made.source(), which runs the shell to find out its version
    click.echo(made.source_template % made.source_vars())
