"""Headers that mean something here."""

from __future__ import annotations

from starlette.requests import Request

from batchyard.errors import InputError

__all__ = ["idempotency_key_of"]

LONGEST = 255
"""Characters of an idempotency key."""


def idempotency_key_of(request: Request) -> str | None:
    """The ``Idempotency-Key``.  Raises :class:`InputError` for one that is none."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST or not key.isprintable():
        raise InputError(
            f"An Idempotency-Key has from 1 to {LONGEST} characters, all of which can be printed.",
            code="invalid_value",
            param="Idempotency-Key",
        )
    return key
