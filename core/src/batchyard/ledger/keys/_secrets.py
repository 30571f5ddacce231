"""Secrets: made here, shown once, and kept as their digests."""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["digest_of", "hint_of", "new_secret"]

PREFIX = "sk-by-"


def new_secret() -> str:
    """256 random bits: nobody guesses them, so a plain digest of them tells nothing."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def hint_of(secret: str) -> str:
    return secret[-4:]
