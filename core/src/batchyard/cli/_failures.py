"""What a user is shown when something goes wrong: a sentence, and no traceback."""

from __future__ import annotations

from typing import Any

import click

from batchyard.errors import BatchyardError, InvalidLinesError

__all__ = ["EXIT_ERROR", "EXIT_INCOMPLETE", "EXIT_INTERRUPTED", "Failures", "describe"]

EXIT_ERROR = 1
"""Something went wrong; the message says what."""

EXIT_INCOMPLETE = 3
"""The batch ended without being completed, or lines have no result."""

EXIT_INTERRUPTED = 130
"""Ctrl-C."""

SHOWN = 20
"""Lines of a file that are named before the rest is only counted."""


class Failures(click.Group):
    """Turns our errors into exit code 1 and a message, wherever they come from."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BatchyardError as error:
            click.echo(f"Error: {describe(error)}", err=True)
            ctx.exit(EXIT_ERROR)
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(EXIT_INTERRUPTED)


def describe(error: BatchyardError) -> str:
    """The message, with who said so and, for a file, each line that is wrong."""
    if isinstance(error, InvalidLinesError):
        lines = [f"  {problem}" for problem in error.problems[:SHOWN]]
        more = error.count - len(lines)
        rest = [f"  … and {more} more"] if more > 0 else []
        noun = "problem" if error.count == 1 else "problems"
        return "\n".join([f"the file has {error.count} {noun}:", *lines, *rest])
    said = f"{error.account}: " if error.account and error.account not in error.message else ""
    request = f" (request {error.request_id})" if error.request_id else ""
    return f"{said}{error.message}{request}"
