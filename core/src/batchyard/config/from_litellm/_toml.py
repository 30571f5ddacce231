"""Writing TOML: tables of texts, numbers and lists of small tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

__all__ = ["as_toml"]

BARE = re.compile(r"[A-Za-z0-9_-]+")

EXACT = 15
"""Digits that a float keeps."""


def as_toml(data: Mapping[str, Any]) -> str:
    """The document: plain values first, then a part for each table."""
    return "\n".join(_table(data, ())) + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    tables = {key: one for key, one in table.items() if isinstance(one, Mapping)}
    values = {key: one for key, one in table.items() if key not in tables}
    if path and (values or not tables):
        yield f"[{'.'.join(map(_key, path))}]"
    for key, value in values.items():
        yield f"{_key(key)} = {_value(value)}"
    if values or (path and not tables):
        yield ""
    for key, one in tables.items():
        yield from _table(one, (*path, key))


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    # a basic string is written as JSON writes one, but for one character
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _amount(value)
    if isinstance(value, list):
        return "[\n" + "".join(f"    {_value(one)},\n" for one in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
    return _text(value) if isinstance(value, str) else str(value)


def _amount(value: Decimal) -> str:
    """As a number where a float is that number, else as a text."""
    plain = format(value.normalize(), "f")
    if len(value.normalize().as_tuple().digits) > EXACT:
        return _text(plain)
    return plain if "." in plain else f"{plain}.0"
