"""The names that the ledger gives to things."""

from __future__ import annotations

import secrets

__all__ = ["new_id"]


def new_id(prefix: str) -> str:
    """*prefix* and 128 random bits in hex: it cannot be guessed, and tells nothing."""
    return prefix + secrets.token_hex(16)
