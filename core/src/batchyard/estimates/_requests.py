"""What of a request has tokens, and what limits its answer (OpenAI API reference)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

__all__ = ["Needs", "read_needs"]

MESSAGE = 3
"""Tokens around each message (OpenAI cookbook, How to count tokens with tiktoken)."""

REPLY = 3
"""Tokens that begin the answer (the same)."""

NO_ANSWER = frozenset({"/embeddings", "/moderations"})
"""Endpoints whose answers have no tokens."""

MOST = 1_000_000_000
"""What is more than this is no limit."""

CAPS = ("max_completion_tokens", "max_output_tokens", "max_tokens")

_EXTRA_PARTS = {
    "image_url": "images",
    "input_image": "images",
    "input_audio": "audio",
    "file": "files",
    "input_file": "files",
}


@dataclass(slots=True)
class Needs:
    """One request: its texts, tokens beside them, and the most its answer may have.

    ``cap`` is ``None`` where nothing limits the answer; ``extras`` counts what has
    tokens that nobody can count offline.
    """

    url: str
    model: str | None
    texts: list[str] = field(default_factory=list)
    tokens: int = 0
    cap: int | None = None
    choices: int = 1
    extras: dict[str, int] = field(default_factory=dict)

    @property
    def characters(self) -> int:
        return sum(map(len, self.texts))

    def parts(self, most: int) -> Iterator[str]:
        """The texts, up to *most* characters of them."""
        for text in self.texts:
            if most <= 0:
                return
            yield text[:most]
            most -= len(text)

    def note(self, kind: str, count: int = 1) -> None:
        self.extras[kind] = self.extras.get(kind, 0) + count


def read_needs(line: bytes) -> Needs | None:
    """``None`` for a line that is no request.  Takes whatever a body may hold."""
    try:
        request = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    body = request.get("body") if isinstance(request, dict) else None
    url = request.get("url") if isinstance(request, dict) else None
    if not isinstance(body, dict) or not isinstance(url, str):
        return None
    model = body.get("model")
    needs = Needs(url, model if isinstance(model, str) else None)
    endpoint = url.removeprefix("/v1")
    _read_input(needs, endpoint, body)
    _read_output(needs, endpoint, body)
    return needs


def _read_input(needs: Needs, endpoint: str, body: Mapping[str, Any]) -> None:
    if isinstance(body.get("messages"), list):
        _read_messages(needs, body["messages"])
    for name in ("instructions", "prompt", "input"):
        _read_value(needs, body.get(name))
    _read_tools(needs, body)
    if endpoint == "/responses":
        needs.tokens += MESSAGE + REPLY
        if body.get("previous_response_id") or body.get("conversation"):
            needs.note("conversations")
        if isinstance(body.get("prompt"), dict):
            needs.note("prompts")


def _read_messages(needs: Needs, messages: list[Any]) -> None:
    needs.tokens += REPLY
    for message in messages:
        if not isinstance(message, dict):
            continue
        needs.tokens += MESSAGE
        needs.texts += [
            message[one] for one in ("role", "name") if isinstance(message.get(one), str)
        ]
        _read_value(needs, message.get("content"))
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            _read_value(needs, call.get("function") if isinstance(call, dict) else None)


def _read_value(needs: Needs, value: object) -> None:
    """A text, tokens, or a list of texts, tokens, parts and items."""
    if isinstance(value, str):
        needs.texts.append(value)
    elif isinstance(value, dict):
        _read_part(needs, value)
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, int):
                needs.tokens += 1
            elif isinstance(one, list) and all(isinstance(token, int) for token in one):
                needs.tokens += len(one)
            elif isinstance(one, str | dict):
                _read_value(needs, one)


def _read_part(needs: Needs, part: dict[str, Any]) -> None:
    kind = part.get("type")
    if isinstance(kind, str) and kind in _EXTRA_PARTS:
        needs.note(_EXTRA_PARTS[kind])
        return
    for name in ("text", "refusal", "name", "arguments", "output"):
        if isinstance(part.get(name), str):
            needs.texts.append(part[name])
    content = part.get("content")
    if isinstance(content, str | list):
        # an item of a conversation; what is in it has no items of its own
        needs.tokens += MESSAGE
        parts = [content] if isinstance(content, str) else content
        _read_value(
            needs, [{**one, "content": None} if isinstance(one, dict) else one for one in parts]
        )


def _read_tools(needs: Needs, body: Mapping[str, Any]) -> None:
    for name in ("tools", "functions"):
        if isinstance(body.get(name), list) and body[name]:
            needs.note("tools", len(body[name]))
    form = body.get("response_format") or (body.get("text") or {})
    if isinstance(form, dict) and "schema" in str(form.get("type") or form.get("format")):
        needs.note("schemas")
    if isinstance(body.get("images"), list):
        needs.note("images", len(body["images"]))


def _read_output(needs: Needs, endpoint: str, body: Mapping[str, Any]) -> None:
    if endpoint in NO_ANSWER:
        needs.cap = 0
        return
    caps = [body[name] for name in CAPS if _is_count(body.get(name))]
    if caps and endpoint in {"/chat/completions", "/completions", "/responses"}:
        needs.cap = min(caps)
    for name in ("n", "best_of"):
        if _is_count(body.get(name)):
            needs.choices = max(needs.choices, body[name])


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST
