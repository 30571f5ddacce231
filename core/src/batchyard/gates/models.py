"""The gate ``models``: which models, endpoints and fields of bodies may be asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import translate
from functools import lru_cache
from re import Pattern
from re import compile as compiled
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from batchyard.gates._requests import request_of
from batchyard.hookspecs import GateLine, Verdict, hookimpl

__all__ = ["Models", "ModelsSettings"]

Patterns = tuple[str, ...]

LONGEST = 4000
"""Characters of a field's name with those above it: what is longer, long lines could have often."""


def _patterns(text: str) -> Any:
    return Field(default=(), max_length=1000, description=text)


class ModelsSettings(BaseModel):
    """Patterns, in which ``*`` stands for any characters.

    Where something is allowed by name, all else is not; what is denied is denied
    whatever allows it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_models: Patterns = _patterns("models that may be asked for; any, if none are named")
    deny_models: Patterns = _patterns("models that may not")
    allow_endpoints: Patterns = _patterns("endpoints, such as /v1/chat/*")
    deny_endpoints: Patterns = _patterns("endpoints that may not be asked for")
    allow_fields: Patterns = _patterns("fields at the top of a body; any, if none are named")
    deny_fields: Patterns = _patterns("fields at any depth, such as tools, or tools.function.name")


class Models:
    """Refuses lines that ask for what they may not have."""

    Settings = ModelsSettings

    def __init__(self, settings: ModelsSettings) -> None:
        self._models = _Rule(settings.allow_models, settings.deny_models)
        self._endpoints = _Rule(settings.allow_endpoints, settings.deny_endpoints)
        self._fields = _Rule(settings.allow_fields, settings.deny_fields)

    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        return [self._verdict(line) for line in lines]

    def _verdict(self, line: GateLine) -> Verdict:
        request = request_of(line)
        if isinstance(request, Verdict):
            return request
        refused = self._refusal(str(request["url"]), request["body"])
        return Verdict.keep() if refused is None else refused

    def _refusal(self, url: str, body: dict[str, Any]) -> Verdict | None:
        if not self._endpoints.allows(url):
            return _refused("endpoint", url, "url")
        model = body.get("model")
        if model is None and self._models.allow:
            return Verdict.refuse(
                "model_not_allowed", "Name the model: not every one is allowed here.", "body.model"
            )
        if model is not None and not self._models.allows(str(model)):
            return _refused("model", str(model), "body.model")
        return next(self._fields_refused(body), None)

    def _fields_refused(self, body: dict[str, Any]) -> Iterator[Verdict]:
        for name in body:
            if not self._fields.allows(name):
                yield _refused("field", name, f"body.{name}")
        if self._fields.deny is None:
            return
        for path in _paths(body):
            if len(path) > LONGEST:
                yield Verdict.refuse(
                    "too_deep", "The names of its fields are too long, or too deep.", "body"
                )
            if self._fields.denies(path):
                yield _refused("field", path, f"body.{path}")


class _Rule:
    def __init__(self, allow: Patterns, deny: Patterns) -> None:
        self.allow = _any_of(allow)
        self.deny = _any_of(deny)
        # few names are asked about, again and again
        self.allows = lru_cache(maxsize=4096)(self._allows)

    def _allows(self, name: str) -> bool:
        allowed = self.allow is None or self.allow.match(name) is not None
        return allowed and not self.denies(name)

    def denies(self, name: str) -> bool:
        return self.deny is not None and self.deny.match(name) is not None


def _any_of(patterns: Patterns) -> Pattern[str] | None:
    """What fnmatch makes of them does not try again what it has passed: it takes linear time."""
    if not patterns:
        return None
    return compiled("|".join(f"(?:{translate(one)})" for one in patterns))


def _paths(body: dict[str, Any]) -> Iterator[str]:
    """The names of fields with those above them; what is in a list has its list's name."""
    left = [("", _entries(body))]
    while left:
        above, entries = left[-1]
        for name, inner in entries:
            path = above if name is None else f"{above}.{name}" if above else name
            if name is not None:
                yield path
            if isinstance(inner, dict | list):
                left.append((path, _entries(inner)))
                break
        else:
            left.pop()


def _entries(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str | None, Any]]:
    if isinstance(value, dict):
        return iter(value.items())
    return ((None, inner) for inner in value)


def _refused(what: str, name: str, param: str) -> Verdict:
    shown = repr(name if len(name) <= 100 else f"{name[:100]}…")
    return Verdict.refuse(
        f"{what}_not_allowed", f"The {what} {shown} is not allowed here.", param[:200]
    )
