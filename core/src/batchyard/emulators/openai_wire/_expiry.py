from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchyard.emulators.openai_wire._errors import (
    missing,
    out_of_range,
    unknown_parameter,
    wrong_choice,
    wrong_type,
)

_FORM = "expires_after"


def read_form_expiry(fields: Mapping[str, str], allowed: tuple[int, int]) -> int | None:
    """The seconds in a form's bracketed `expires_after` fields; None without them."""
    anchor, seconds = fields.get(f"{_FORM}[anchor]"), fields.get(f"{_FORM}[seconds]")
    if _FORM in fields:
        raise wrong_type(_FORM, "an object", fields[_FORM])
    if anchor is None and seconds is None:
        return None
    number: Any = seconds
    if seconds is not None and seconds.lstrip("-").isdecimal():
        number = int(seconds)
    return _checked(_FORM, {"anchor": anchor, "seconds": number}, allowed)


def read_expiry(value: Any, param: str, allowed: tuple[int, int]) -> int | None:
    """The seconds in a JSON object such as `output_expires_after`; None without it."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    for name in value:
        if name not in ("anchor", "seconds"):
            raise unknown_parameter(f"{param}.{name}")
    return _checked(param, value, allowed)


def _checked(param: str, value: Mapping[str, Any], allowed: tuple[int, int]) -> int:
    for name in ("anchor", "seconds"):
        if value.get(name) is None:
            raise missing(f"{param}.{name}")
    if value["anchor"] != "created_at":
        raise wrong_choice(f"{param}.anchor", value["anchor"], ("created_at",))
    seconds = value["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise wrong_type(f"{param}.seconds", "an integer", seconds)
    if not allowed[0] <= seconds <= allowed[1]:
        raise out_of_range(f"{param}.seconds", seconds, *allowed)
    return seconds
