"""Signatures as the Standard Webhooks specification has them (version ``v1``)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

__all__ = ["PREFIX", "decoded", "headers", "signature"]

PREFIX = "whsec_"


def decoded(secret: str) -> bytes:
    """The key of a secret, ``whsec_`` and base64.  Raises :class:`ValueError`."""
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError(f"a secret is {PREFIX} and base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError("a secret has 24 to 64 bytes, as base64")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` and the HMAC-SHA256 of id, timestamp (Unix seconds) and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def headers(keys: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; with several keys a receiver may know either, while one is exchanged."""
    found = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if keys:
        signatures = (signature(key, message_id, timestamp, body) for key in keys)
        found["webhook-signature"] = " ".join(signatures)
    return found
