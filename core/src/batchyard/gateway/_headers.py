"""Headers that mean something here."""

from __future__ import annotations

import re

from starlette.requests import Request

from batchyard.errors import InputError

__all__ = ["idempotency_key_of"]

LONGEST = 255
"""Characters of an idempotency key."""

_PRINTABLE = re.compile(r"[ -~]+")


def idempotency_key_of(request: Request) -> str | None:
    """The ``Idempotency-Key``.  Raises :class:`InputError` for one that is none."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0]
    if len(keys) > 1 or len(key) > LONGEST or not _PRINTABLE.fullmatch(key):
        raise InputError(
            f"There is one Idempotency-Key, and it has from 1 to {LONGEST} characters, "
            "all of them printable ASCII.",
            code="invalid_value",
            param="Idempotency-Key",
        )
    return key
