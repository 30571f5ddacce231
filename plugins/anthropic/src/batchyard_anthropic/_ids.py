"""Ids of lines, as Anthropic takes them (``^[a-zA-Z0-9_-]{1,64}$``), and back."""

from __future__ import annotations

import base64
import hashlib
import re

__all__ = ["is_digest", "original_of", "sent_id"]

PLAIN = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ENCODED, DIGEST = "b64_", "sha_"
MOST = 64


def sent_id(custom_id: str) -> str:
    """The id to send: itself where it may be, else its bytes in base64, else their digest.

    Only digests, of ids of more than 45 bytes, cannot be read back: for them a
    map is kept.
    """
    if PLAIN.fullmatch(custom_id) and not custom_id.startswith((ENCODED, DIGEST)):
        return custom_id
    # half a surrogate pair is a legal string of JSON, too
    data = custom_id.encode("utf-8", "surrogatepass")
    encoded = ENCODED + _text(data)
    return encoded if len(encoded) <= MOST else DIGEST + _text(hashlib.sha256(data).digest())


def original_of(sent: str) -> str:
    """What :func:`sent_id` was given; any other id, and a digest, as it is."""
    if not sent.startswith(ENCODED):
        return sent
    text = sent.removeprefix(ENCODED)
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        found = data.decode("utf-8", "surrogatepass")
    except ValueError:
        return sent
    return found if sent_id(found) == sent else sent


def is_digest(sent: str) -> bool:
    """Whether a map is needed to tell what it stands for."""
    return sent.startswith(DIGEST)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
