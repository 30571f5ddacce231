"""``batchyard config from-litellm``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchyard.cli._options import debug_option, json_option
from batchyard.cli._output import echo, emit, note
from batchyard.errors import InputError
from batchyard.registry import Registry

if TYPE_CHECKING:
    from batchyard.config.from_litellm import Remark

__all__ = ["command"]


@click.command("from-litellm", short_help="Convert FILE, a configuration of LiteLLM's proxy.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the result there, into a new file; without it, to the standard output.",
)
@json_option
@debug_option
def command(file: Path, output: Path | None, as_json: bool) -> None:
    """Convert FILE, a config.yaml of LiteLLM's proxy, as far as it is about batches.

    Models, accounts, files_settings, the master key, the database and prices of
    your own are carried. What is not is listed on the error output, with the
    reason. Needs the extra: pip install 'batchyard[yaml]'.
    """
    from batchyard.config.from_litellm import convert, read_yaml
    from batchyard.prices import maker_of

    made = convert(Registry(), read_yaml(file), maker_of)
    if output is not None:
        _write(output, made.toml)
    if as_json:
        emit(
            {
                "file": None if output is None else str(output),
                "accounts": made.accounts,
                "models": made.models,
                "not_carried": [_record(one) for one in made.remarks if not one.carried],
                "notes": [_record(one) for one in made.remarks if one.carried],
                **({"toml": made.toml} if output is None else {}),
            }
        )
        return
    if output is None:
        echo(made.toml.rstrip("\n"))
    for one in made.remarks:
        note(f"{'Note' if one.carried else 'Not carried'}: {one.path}: {one.reason}")
    where = "" if output is None else f" to {output}"
    note(f"Carried{where}: {made.accounts} accounts, {made.models} models.")


def _record(remark: Remark) -> dict[str, str]:
    return {"path": remark.path, "reason": remark.reason}


def _write(path: Path, text: str) -> None:
    """Into a file that only its owner reads: it may hold secrets."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(f"{path} is there already, and is not written over") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
