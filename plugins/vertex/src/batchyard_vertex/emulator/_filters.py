"""The filters of lists (Vertex AI API, batchPredictionJobs.list)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from batchyard_vertex.emulator._errors import ApiError

__all__ = ["job_filter"]

Document = Mapping[str, Any]
Holds = Callable[[Document], bool]

_TERM = re.compile(
    r'\s*(NOT\s+|-)?([a-z_]+(?:\.[a-zA-Z0-9_-]+)?)\s*(>=|<=|!=|=|<|>|:)\s*("[^"]*"|[\w.*:+-]+)\s*'
)
_JOINT = re.compile(r"(AND|OR)\b")
_FIELDS = {
    "display_name": "displayName",
    "model_display_name": "model",
    "state": "state",
    "create_time": "createTime",
    "update_time": "updateTime",
    "end_time": "endTime",
}
_ORDERS: dict[str, Callable[[datetime, datetime], bool]] = {
    "=": lambda one, two: one == two,
    "!=": lambda one, two: one != two,
    "<": lambda one, two: one < two,
    ">": lambda one, two: one > two,
    "<=": lambda one, two: one <= two,
    ">=": lambda one, two: one >= two,
}


def job_filter(text: str) -> Holds:
    """A function of a job's document; alternatives of terms that hold together."""
    if not text.strip():
        return lambda _: True
    alternatives: list[list[Holds]] = [[]]
    at = 0
    while True:
        found = _TERM.match(text, at)
        if found is None:
            raise _invalid(text)
        alternatives[-1].append(_term(found))
        at = found.end()
        if at == len(text):
            return lambda job: any(all(holds(job) for holds in terms) for terms in alternatives)
        joint = _JOINT.match(text, at)
        if joint is None:
            raise _invalid(text)
        if joint[1] == "OR":
            alternatives.append([])
        at = joint.end()


def _term(found: re.Match[str]) -> Holds:
    negated, name, sign, value = found[1], found[2], found[3], found[4].strip('"')
    holds = _holds(name, sign, value)
    return (lambda job: not holds(job)) if negated else holds


def _holds(name: str, sign: str, value: str) -> Holds:
    if name.endswith("_time"):
        return _by_time(name, sign, value)
    if sign in {"<", ">", "<=", ">="}:
        raise _invalid(f"{name}{sign}{value}")

    def holds(job: Document) -> bool:
        have = _value(job, name)
        if sign == ":":
            return have is not None and (value == "*" or value.strip("*") in have)
        return (have == value) is (sign == "=")

    _value({}, name)
    return holds


def _by_time(name: str, sign: str, value: str) -> Holds:
    try:
        wanted = datetime.fromisoformat(value)
        compare = _ORDERS[sign]
    except (ValueError, KeyError):
        raise _invalid(f"{name}{sign}{value}") from None

    def holds(job: Document) -> bool:
        have = _value(job, name)
        return have is not None and compare(datetime.fromisoformat(have), wanted)

    _value({}, name)
    return holds


def _value(job: Document, name: str) -> str | None:
    if name.startswith("labels."):
        label: str | None = job.get("labels", {}).get(name.removeprefix("labels."))
        return label
    if name not in _FIELDS:
        raise ApiError(400, f"Invalid filter: no field {name}")
    found: str | None = job.get(_FIELDS[name])
    return found


def _invalid(text: str) -> ApiError:
    return ApiError(400, f"Invalid filter: {text}")
