"""``batchyard adopt``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from batchyard.cli._ledgers import on_ledger
from batchyard.cli._options import Where, debug_option, json_option, with_account_and_ledger
from batchyard.cli._output import note
from batchyard.cli._summary import show_batch
from batchyard.models import Batch, Identity

if TYPE_CHECKING:
    from batchyard.ledger import Ledger

__all__ = ["command"]


@click.command("adopt", short_help="Take over a batch that was made elsewhere.")
@click.argument("batch_id")
@click.option("--owner", default="", help="Whose the batch is from now on.")
@click.option("--team", help="The owner's team.")
@click.option("--tag", "tags", multiple=True, help="Something to sum its cost by, repeatable.")
@with_account_and_ledger
@json_option
@debug_option
def command(
    where: Where, batch_id: str, owner: str, team: str | None, tags: tuple[str, ...], as_json: bool
) -> None:
    """Take the batch BATCH_ID, as the provider calls it, into the ledger, under an id of its own.

    From then on it is followed, settled and priced like any other.  One that is
    there already is shown as it is.
    """

    async def adopted(ledger: Ledger) -> tuple[Batch, str | None]:
        made = await ledger.adopt(batch_id, account=where.account, who=Identity(owner, team, tags))
        await ledger.outbox.flush(subjects=[made.id])
        return made, await ledger.followed_by()

    batch, follower = on_ledger(where, adopted)
    show_batch(batch, as_json=as_json)
    if follower is None and not batch.terminal:
        note("Nobody follows it yet: wait for it, or run batchyard worker.")
