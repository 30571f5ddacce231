"""``batchyard keys``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from batchyard.cli._ledgers import on_database
from batchyard.cli._listing import list_options, show_list
from batchyard.cli._options import Where, debug_option, json_option, with_ledger
from batchyard.cli._output import details, echo, emit, moment, note
from batchyard.cli._times import duration_option
from batchyard.models import ApiKey, KeyLimits, PageRequest

if TYPE_CHECKING:
    from batchyard.ledger.database import Database

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])

PAGE = 100


@click.group("keys", short_help="Create, list, rotate and revoke a gateway's API keys.")
def command() -> None:
    """The keys that callers of the gateway show (see: batchyard serve)."""


def _limit_options(function: F) -> F:
    for name, text in reversed(
        (
            ("--requests-per-minute", "Requests that it may make in a minute."),
            ("--max-files", "Files that it may have stored."),
            ("--max-bytes", "Bytes that it may have stored."),
            ("--max-enqueued-tokens", "Estimated input tokens of its batches that run."),
        )
    ):
        function = click.option(name, type=click.IntRange(min=0), metavar="N", help=text)(function)
    return function


@command.command("create", short_help="Create a key, and print its secret.")
@click.argument("name")
@click.option("--owner", help="Whose its files and batches are; the key's own, if none is named.")
@click.option("--team", help="The team that its costs are summed for.")
@click.option("--tag", "tags", multiple=True, help="Something to sum its costs by, repeatable.")
@click.option("--model", "models", multiple=True, help="A model it may use, repeatable; or any.")
@click.option(
    "--account", "accounts", multiple=True, help="An account it may use, repeatable; or any."
)
@duration_option("--expires-in", help="Until it ends by itself, such as 90d or 12h.")
@_limit_options
@with_ledger
@json_option
@debug_option
def create(
    where: Where,
    name: str,
    owner: str | None,
    team: str | None,
    tags: tuple[str, ...],
    models: tuple[str, ...],
    accounts: tuple[str, ...],
    expires_in: float | None,
    as_json: bool,
    **limits: int | None,
) -> None:
    """Create a key called NAME, and print its secret: it is shown now and never again."""
    from batchyard.ledger.keys import KeyOrder
    from batchyard.ledger.keys import create as made

    order = KeyOrder(
        name,
        owner,
        team,
        tags,
        models or None,
        accounts or None,
        _limits(limits),
        None if expires_in is None else time.time() + expires_in,
    )
    _show_secret(on_database(where, lambda db: made(db, order)), as_json=as_json)


def _limits(given: dict[str, int | None]) -> KeyLimits:
    if given["requests_per_minute"] == 0:
        raise click.BadParameter("a key that may ask nothing is better revoked")
    return KeyLimits(
        requests_per_minute=given["requests_per_minute"],
        files=given["max_files"],
        bytes=given["max_bytes"],
        enqueued_tokens=given["max_enqueued_tokens"],
    )


@command.command("list", short_help="List keys, newest first.")
@list_options
@with_ledger
@json_option
@debug_option
def list_keys(where: Where, limit: int, every: bool, after: str | None, as_json: bool) -> None:
    """List keys, the newest first: id, end of the secret, state, owner, team and name."""
    from batchyard.ledger.keys import list_keys as page_of

    async def taken(db: Database) -> tuple[list[ApiKey], bool]:
        found: list[ApiKey] = []
        behind = after
        while True:
            size = PAGE if every else min(PAGE, limit - len(found))
            page = await page_of(db, PageRequest(behind, size))
            found += page.data
            behind = page.last_id
            if not page.has_more or (not every and len(found) >= limit):
                return found, page.has_more

    show_list(on_database(where, taken), _row, as_json=as_json)


def _row(key: ApiKey) -> tuple[object, ...]:
    return (key.id, f"…{key.hint}", _state(key), key.owner, key.team, key.name)


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= time.time()
    return "expired" if expired else "valid"


@command.command("revoke", short_help="End a key, for good.")
@click.argument("key_id")
@with_ledger
@json_option
@debug_option
def revoke(where: Where, key_id: str, as_json: bool) -> None:
    """End the key KEY_ID at once.  Its files and batches stay, and what runs goes on."""
    from batchyard.ledger.keys import revoke as ended

    key = on_database(where, lambda db: ended(db, key_id))
    if as_json:
        emit(_record(key))
    else:
        echo(f"revoked {key.id}")


@command.command("rotate", short_help="Give a key a new secret, and print it.")
@click.argument("key_id")
@duration_option("--grace", help="How long the former secret is still taken; not at all, if none.")
@with_ledger
@json_option
@debug_option
def rotate(where: Where, key_id: str, grace: float | None, as_json: bool) -> None:
    """Give the key KEY_ID a new secret, and print it: it is shown now and never again."""
    from batchyard.ledger.keys import rotate as changed

    key = on_database(where, lambda db: changed(db, key_id, grace=grace or 0.0))
    _show_secret(key, as_json=as_json)


def _show_secret(key: ApiKey, *, as_json: bool) -> None:
    if as_json:
        emit(_record(key))
        return
    details(
        [
            ("id", key.id),
            ("name", key.name),
            ("owner", key.owner),
            ("expires", moment(key.expires_at)),
            ("former until", moment(key.former_until)),
            ("secret", key.secret),
        ]
    )
    note("Keep the secret now: it is not shown again.")


def _record(key: ApiKey) -> dict[str, Any]:
    return key.model_dump(mode="json")
