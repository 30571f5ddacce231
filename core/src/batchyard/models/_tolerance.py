"""Reading what providers really send: every field but the id may be null, absent, empty or odd."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WrapValidator

__all__ = ["Lenient", "ObjectModel", "OptionalId", "Strings", "UnixTime", "known", "named"]

T = TypeVar("T")
log = logging.getLogger(__name__)


class ObjectModel(BaseModel):
    """A provider's object.  Fields that it does not know are kept, so that nothing is lost."""

    # the parsers are built on first use: a program that starts may not need them
    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)


def _lenient(value: Any, handler: Callable[[Any], Any]) -> Any:
    try:
        return handler(value)
    except ValidationError as error:
        log.warning("a provider's %s was left out: %s", type(value).__name__, _reason(error))
        return None


def _reason(error: ValidationError) -> str:
    """What pydantic found, without the value, which is not ours to log."""
    return "; ".join(one["msg"] for one in error.errors(include_input=False, include_url=False))


def _unix(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        if not text.isdigit():
            # seven fractional digits were seen; fromisoformat cuts what it cannot keep
            time = datetime.fromisoformat(text)
            return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
        return int(text)
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    return value


def _strings(value: Any) -> Any:
    """Names and values as strings, each for itself: one odd value must not hide the others."""
    if not isinstance(value, dict):
        return value
    return {
        str(name): one if isinstance(one, str) else json.dumps(one)
        for name, one in value.items()
        if one is not None
    }


def known(kind: type[BaseModel]) -> Callable[[Any], Any]:
    """The items that are such objects; what else a list holds is left out."""

    def items(value: Any) -> Any:
        if not isinstance(value, list):
            return []
        return [one for one in value if isinstance(one, dict | kind)]

    return items


Lenient = Annotated[T | None, WrapValidator(_lenient)]
"""A ``T``, or ``None`` for anything that is not one."""

UnixTime = Annotated[int | None, BeforeValidator(_unix), WrapValidator(_lenient)]
"""Unix seconds.  ISO 8601 is understood, since some services send that."""

Strings = Annotated[dict[str, str] | None, BeforeValidator(_strings), WrapValidator(_lenient)]
"""Metadata.  A value that is no string is kept as its JSON."""

OptionalId = Annotated[
    str | None, BeforeValidator(lambda value: value or None), WrapValidator(_lenient)
]
"""An id; ``""`` is the same as none."""


def named(word: str) -> BeforeValidator:
    """The ``object`` field: its own word, where a service sends none."""
    return BeforeValidator(lambda value: value if isinstance(value, str) and value else word)
