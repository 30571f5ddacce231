"""``batchyard batches cost``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchyard.cli._failures import EXIT_DISAGREES
from batchyard.cli._ledgers import configured, on_database
from batchyard.cli._options import Where, debug_option, json_option, with_account_and_ledger
from batchyard.cli._output import echo, emit, moment, note
from batchyard.cli._receipts import cost_of, proof_of, show_receipt
from batchyard.errors import ConfigError, InputError, PluginError
from batchyard.lines import ResultLine
from batchyard.models import Usage

if TYPE_CHECKING:
    from batchyard.ledger.recomputing import Recomputed, SavedReceipt

__all__ = ["cost"]

SHOWN = 20
"""Differences that are named before the rest is only counted."""


@click.command("cost", short_help="Show what a batch came to, or check a saved receipt.")
@click.argument("batch_id", required=False)
@click.option(
    "--receipt",
    "saved",
    type=click.Path(path_type=Path),
    help="A receipt that --json has printed: compute it again from the batch's --output.",
)
@click.option(
    "-o",
    "--output",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="The batch's result file; again, for its error file.",
)
@with_account_and_ledger
@json_option
@debug_option
def cost(
    where: Where, batch_id: str | None, saved: Path | None, files: tuple[Path, ...], as_json: bool
) -> None:
    """Show what the batch BATCH_ID used and costs, and that each of its lines is accounted for.

    With --output what the file says is counted again, and priced at the rates of
    the receipt: of the batch BATCH_ID or, without any ledger, of the file
    --receipt.  Exit code 3 says that it comes to something else.
    """
    if (batch_id is None) == (saved is None):
        raise click.UsageError("Name a batch or, with --receipt, a file.")
    if saved is not None and not files:
        raise click.UsageError("--receipt is checked against --output: give the result file.")
    found = _of_ledger(where, batch_id) if batch_id is not None else _of_file(saved or Path())
    if files:
        _check(where, found, files, as_json=as_json)
    elif as_json:
        emit(found.to_json())
    else:
        _show(found)


def _of_ledger(where: Where, batch_id: str) -> SavedReceipt:
    from batchyard.ledger.recomputing import saved_receipt

    return on_database(where, lambda db: saved_receipt(db, batch_id))


def _of_file(path: Path) -> SavedReceipt:
    from batchyard.ledger.recomputing import SavedReceipt

    try:
        record: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no receipt: it is not JSON") from error
    if isinstance(record, dict) and isinstance(record.get("receipt"), dict):
        record = record["receipt"]  # the summary of a run, or an event
    try:
        return SavedReceipt.from_json(record)
    except InputError as error:
        raise InputError(f"{path}: {error.message}") from error


def _show(found: SavedReceipt) -> None:
    receipt = found.receipt
    who = receipt.identity
    echo(f"batch     {receipt.batch_id}, settled {moment(receipt.at)}")
    if who.owner or who.team or who.tags:
        names = (who.owner, who.team and f"team {who.team}", *who.tags)
        echo(f"for       {', '.join(one for one in names if one)}")
    echo(f"lines     {proof_of(receipt.proof)}")
    echo("")
    show_receipt(receipt)


def _check(where: Where, found: SavedReceipt, files: tuple[Path, ...], *, as_json: bool) -> None:
    from batchyard.ledger.recomputing import recomputed

    again = recomputed(found, files, _reader(where, found))
    if as_json:
        emit(_record(found, again))
    elif again.agrees:
        echo(f"agrees to the last digit: {cost_of(found.receipt)}")
    else:
        _explain(found, again)
    if not again.agrees:
        raise SystemExit(EXIT_DISAGREES)


def _record(found: SavedReceipt, again: Recomputed) -> dict[str, Any]:
    def text(amount: object) -> str | None:
        return None if amount is None else f"{amount:f}"

    return {
        "batch_id": found.receipt.batch_id,
        "agrees": again.agrees,
        "cost": text(found.receipt.cost),
        "recomputed": text(again.priced.cost),
        "priced_cost": text(found.receipt.priced_cost),
        "recomputed_priced": text(again.priced.priced_cost),
        "differences": list(again.differences),
    }


def _explain(found: SavedReceipt, again: Recomputed) -> None:
    echo("does not agree:")
    for line in again.differences[:SHOWN]:
        echo(f"  {line}")
    if len(again.differences) > SHOWN:
        echo(f"  … and {len(again.differences) - SHOWN} more")
    proof = found.receipt.proof
    beside = proof.duplicates + proof.strangers
    if beside:
        note(f"{beside} paid answers of the batch belong to no line, and are in no result file.")
    elif sum(proof.outcomes.values()) > proof.outcomes.get("ok", 0):
        note("Answers that failed may have used tokens: add the error file, --output again.")


def _reader(where: Where, found: SavedReceipt) -> Callable[[ResultLine], Usage]:
    """What reads tokens as the account does, or another of its provider; else as most do."""
    from batchyard.config import resolve
    from batchyard.steps import openai_wire

    registry, config = configured(where)
    items = found.receipt.items
    paid = (items[0].account, items[0].provider) if items else ()
    why = ""
    for name in (where.account,) if where.account else paid:
        try:
            made = resolve(registry, name, config=config)
            account = registry.account(made.provider, made.settings, name=made.name)
        except (ConfigError, PluginError) as error:
            if where.account:
                raise
            why = error.message
        else:
            return account.usage_reader(found.endpoint)
    if why:
        note(f"Tokens are read as most services tell them; the account is not there: {why}")
    return openai_wire.usage_reader(found.endpoint)
