"""Settings as they may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from batchyard.config._references import is_reference

__all__ = ["MASK", "masked"]

MASK = "**********"

SECRET_NAME = re.compile(r"key|secret|token|password|credential|authorization", re.IGNORECASE)

IN_URL = re.compile(r"(?<=://)[^/?#@]*@|(?<=\?)[^#]+")
"""User and password, and the query, where signatures are."""


def masked(settings: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """What may be printed: no secret, nor what by its name or form may be one.

    Of values that no model has checked, only references and the provider.
    """
    if isinstance(settings, BaseModel):
        return {key: _value(key, one) for key, one in settings.model_dump(mode="json").items()}
    return {key: _unchecked(value) for key, value in settings.items()}


def _value(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _value(name, one) for name, one in value.items()}
    if isinstance(value, list):
        return [_value(key, one) for one in value]
    if not isinstance(value, str) or not value:
        return value
    return MASK if SECRET_NAME.search(key) else IN_URL.sub("***", value)


def _unchecked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _unchecked(one) for name, one in value.items()}
    return value if is_reference(value) else MASK
