"""What a user is shown when something goes wrong: a sentence, and no traceback."""

from __future__ import annotations

import errno
import json
import traceback
from typing import Any

import click

from batchyard.cli._output import note
from batchyard.errors import BatchyardError, InvalidLinesError

__all__ = [
    "DEBUG",
    "EXIT_DISAGREES",
    "EXIT_ERROR",
    "EXIT_INCOMPLETE",
    "EXIT_INTERRUPTED",
    "JSON",
    "Failures",
    "describe",
]

EXIT_ERROR = 1
"""Something went wrong; the message says what."""

EXIT_INCOMPLETE = 3
"""The batch ended without being completed, or lines have no result."""

EXIT_DISAGREES = 3
"""A receipt does not agree with the batch's result files."""

EXIT_INTERRUPTED = 130
"""Ctrl-C."""

SHOWN = 20
"""Lines of a file that are named before the rest is only counted."""

DEBUG = "batchyard.debug"
"""Whether tracebacks are wanted, in the ``meta`` of click's context."""

JSON = "batchyard.json"
"""Whether the caller is a program, likewise."""


class Failures(click.Group):
    """Turns our errors into exit code 1 and a message, wherever they come from."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BatchyardError as error:
            _tell(ctx, error, describe(error), error.body)
            ctx.exit(EXIT_ERROR)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # nobody reads on: click ends it quietly
            about = f"{error.filename}: " if error.filename else ""
            said = f"{about}{error.strerror or error}"
            _tell(ctx, error, said, BatchyardError(said).body)
            ctx.exit(EXIT_ERROR)
        except KeyboardInterrupt:
            note("\nInterrupted.")
            ctx.exit(EXIT_INTERRUPTED)


def _tell(ctx: click.Context, error: Exception, said: str, body: dict[str, Any]) -> None:
    if ctx.meta.get(DEBUG):
        note("".join(traceback.format_exception(error)).rstrip())
    note(json.dumps(body) if ctx.meta.get(JSON) else f"Error: {said}")


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
