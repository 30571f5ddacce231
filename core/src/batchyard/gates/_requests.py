"""A line as its gates read it: each key once, or a reader elsewhere could read another value."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from batchyard.hookspecs import GateLine, Verdict

__all__ = ["request_of"]


def request_of(line: GateLine) -> dict[str, Any] | Verdict:
    """The request, or a refusal of what cannot be judged."""
    try:
        request: dict[str, Any] = json.loads(
            line.data, object_pairs_hook=_once, parse_float=_finite
        )
    except _TwiceError as error:
        return Verdict.refuse("key_twice", f"The key {error} occurs twice in one object.")
    except ValueError:
        # Python reads no whole number of more than 4,300 digits, and JSON has no infinity
        return Verdict.refuse("number_too_large", "A number of the line is too large to be kept.")
    except RecursionError:
        return Verdict.refuse("too_deep", "The line is nested too deeply to be checked.")
    return request


class _TwiceError(Exception):
    pass


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text[:20])
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(repr(next(one for one in names if names.count(one) > 1)[:100]))
    return made
