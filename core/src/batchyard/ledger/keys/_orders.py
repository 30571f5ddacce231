"""What a key is created from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from batchyard.errors import InputError
from batchyard.models import KeyLimits

__all__ = ["KeyOrder", "check_order"]

LONGEST = 255
"""Characters of a name."""

MOST_TAGS, MOST_NAMES = 32, 1000
"""Tags of a key, and models or accounts that it names."""


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """A key to create.

    Without an ``owner`` it is its own: what it creates is shown to nobody else.
    Keys with one owner share files, batches and idempotency keys.  ``models`` and
    ``accounts`` are those that it may use, any if ``None``; ``expires_at`` is in Unix seconds.
    """

    name: str
    owner: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    models: tuple[str, ...] | None = None
    accounts: tuple[str, ...] | None = None
    limits: KeyLimits = field(default_factory=KeyLimits)
    expires_at: float | None = None


def check_order(order: KeyOrder, now: float) -> None:
    """Raise :class:`InputError` for what makes no key."""
    for param, value in _texts(order):
        if not 0 < len(value) <= LONGEST or not value.isprintable():
            raise InputError(
                f"'{param}' needs from 1 to {LONGEST} characters, all of which can be printed.",
                code="invalid_value",
                param=param,
            )
    for param, values, most in (
        ("tags", order.tags, MOST_TAGS),
        ("models", order.models or (), MOST_NAMES),
        ("accounts", order.accounts or (), MOST_NAMES),
    ):
        if len(values) > most:
            raise InputError(f"'{param}' has more than {most}.", code="invalid_value", param=param)
    if order.expires_at is not None and not now < order.expires_at < 1e11:
        raise InputError(
            "'expires_at' must be a time to come, in Unix seconds.",
            code="invalid_value",
            param="expires_at",
        )


def _texts(order: KeyOrder) -> Iterator[tuple[str, str]]:
    yield "name", order.name
    for param, value in (("owner", order.owner), ("team", order.team)):
        if value is not None:
            yield param, value
    for param, values in (
        ("tags", order.tags),
        ("models", order.models or ()),
        ("accounts", order.accounts or ()),
    ):
        yield from ((param, value) for value in values)
