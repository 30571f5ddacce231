"""Reading what Google really sends: every field but the name may be absent, or odd."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, WrapValidator
from pydantic.alias_generators import to_camel

__all__ = ["Optional", "Resource"]

T = TypeVar("T")
log = logging.getLogger(__name__)


class Resource(BaseModel):
    """A resource of one of Google's JSON APIs."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True
    )


def _tolerant(value: Any, handler: Callable[[Any], Any]) -> Any:
    try:
        return handler(value)
    except ValidationError:
        log.warning("a %s in one of Google's replies was left out", type(value).__name__)
        return None


Optional = Annotated[T | None, WrapValidator(_tolerant)]
"""A ``T``, or ``None`` for anything that is not one."""
