"""Reading what providers really send: every field but the id may be null, absent, empty or odd."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WrapValidator

__all__ = ["Lenient", "ObjectModel", "OptionalId", "UnixTime"]

T = TypeVar("T")
log = logging.getLogger(__name__)


class ObjectModel(BaseModel):
    """A provider's object.  Fields that it does not know are kept, so that nothing is lost."""

    model_config = ConfigDict(extra="allow", frozen=True)


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
            return int(datetime.fromisoformat(text).timestamp())
        return int(text)
    return int(value) if isinstance(value, float) else value


Lenient = Annotated[T | None, WrapValidator(_lenient)]
"""A ``T``, or ``None`` for anything that is not one."""

UnixTime = Annotated[int | None, BeforeValidator(_unix), WrapValidator(_lenient)]
"""Unix seconds.  ISO 8601 is understood, since some services send that."""

OptionalId = Annotated[
    str | None, BeforeValidator(lambda value: value or None), WrapValidator(_lenient)
]
"""An id; ``""`` is the same as none."""
