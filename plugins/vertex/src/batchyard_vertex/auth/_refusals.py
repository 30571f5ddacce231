"""What token endpoints say when they refuse, without what they were asked with."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_plus

from batchyard.effects import Reply, Request
from batchyard.errors import APIStatusError
from batchyard_vertex._errors import google_refusal

__all__ = ["token_refusal"]

_PUBLIC = frozenset({"audience", "grant_type", "scope"})

SHORTEST = 8
"""Characters of a value that is taken for a secret; a shorter one is in every other word."""


def token_refusal(reply: Reply, request: Request) -> APIStatusError:
    """As :func:`google_refusal`, of a reply in which the form that was sent is blotted out.

    An endpoint that is not Google's may echo it, and it has the secrets: an
    assertion, a refresh token, the token of another cloud.
    """
    secrets = sorted(_secrets(request), key=len, reverse=True)
    if not secrets:
        return google_refusal(reply, request)
    try:
        text = json.dumps(_blotted(json.loads(reply.body), secrets))
    except (ValueError, RecursionError):
        text = _blotted(reply.body.decode(errors="replace"), secrets)
    headers = {name: _blotted(value, secrets) for name, value in reply.headers.items()}
    return google_refusal(replace(reply, headers=headers, body=text.encode()), request)


def _secrets(request: Request) -> Iterator[str]:
    """The values of the form, as they are and in every way that an echo may write them."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    body = request.body if is_form and isinstance(request.body, bytes) else b""
    for pair in body.decode(errors="replace").split("&"):
        name, _, raw = pair.partition("=")
        name, value = unquote_plus(name), unquote_plus(raw)
        if name in _PUBLIC or name.endswith("_token_type") or len(value) < SHORTEST:
            continue
        yield from {value, raw, json.dumps(value)[1:-1], html.escape(value)}


def _blotted(value: Any, secrets: list[str]) -> Any:
    """*value*, whatever JSON it is, without any of the *secrets* in its texts."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
    elif isinstance(value, list):
        return [_blotted(one, secrets) for one in value]
    elif isinstance(value, dict):
        return {_blotted(name, secrets): _blotted(one, secrets) for name, one in value.items()}
    return value
