"""Input lines as the service wants them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from batchyard.steps import Rewrite

__all__ = ["CHAT", "ENDPOINTS", "dated_endpoint", "rewriter", "v1_endpoint"]

CHAT = "/v1/chat/completions"
_DATED_CHAT = "/chat/completions"
"""What the dated API calls it, and files that were made for that."""

ENDPOINTS = (CHAT, "/v1/responses", _DATED_CHAT)
"""What can be batched (Azure OpenAI how-to, batch)."""


class _Body(msgspec.Struct, gc=False):
    model: str | None = None


class _Line(msgspec.Struct, gc=False):
    body: _Body
    url: str | None = None


_decode = msgspec.json.Decoder(_Line).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.encode


def v1_endpoint(endpoint: str) -> str:
    """The endpoint as the v1 API calls it."""
    return CHAT if endpoint == _DATED_CHAT else endpoint


def dated_endpoint(endpoint: str) -> str:
    """The endpoint as the dated API calls it."""
    return _DATED_CHAT if endpoint == CHAT else endpoint


def rewriter(names: Mapping[str, str], *, dated: bool = False) -> Rewrite:
    """Puts deployments in the place of models, and endpoints as the API calls them.

    *names* are the deployments by model.  All other values keep their bytes.
    """
    called = dated_endpoint if dated else v1_endpoint

    def rewrite(line: bytes) -> bytes:
        try:
            read = _decode(line)
            changes = _changes(read.url, called(read.url or ""))
            in_body = _changes(read.body.model, names.get(read.body.model or ""))
            if not (changes or in_body):
                return line
            members = _members(line)
            body = msgspec.Raw(_encode({**_members(members["body"]), **_named("model", in_body)}))
            return _encode({**members, **_named("url", changes), "body": body})
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # as it is: the service says what is wrong with it, and where
            return line

    return rewrite


def _changes(old: str | None, new: str | None) -> str | None:
    return new if old and new and old != new else None


def _named(name: str, value: str | None) -> dict[str, str]:
    return {name: value} if value else {}
