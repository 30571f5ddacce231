"""What the service takes for a job, and what it refuses at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._models import kind_of, why_not_there

__all__ = ["job_order"]

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_KEPT = ("displayName", "model", "inputConfig", "outputConfig", "labels", "modelParameters")


def job_order(body: bytes, location: str) -> dict[str, Any]:
    """What of a create is kept, if it is right."""
    given = _read(body)
    if not given.get("displayName") or len(str(given["displayName"]).encode()) > 128:
        raise ApiError(400, "display_name is required, of at most 128 characters.")
    _check_places(given)
    model = str(given.get("model", ""))
    if kind_of(model) is None:
        raise ApiError(404, f"The PublisherModel `{model.rpartition('/')[2]}` does not exist.")
    away = why_not_there(model, location)
    if away:
        raise ApiError(400, away, status="FAILED_PRECONDITION")
    _check_labels(given.get("labels") or {})
    return {name: given[name] for name in _KEPT if name in given}


def _read(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise ApiError(400, "Invalid JSON payload received.")
    return given


def _check_places(given: Mapping[str, Any]) -> None:
    try:
        uris = given["inputConfig"]["gcsSource"]["uris"]
        prefix = given["outputConfig"]["gcsDestination"]["outputUriPrefix"]
        formats = (
            given["inputConfig"]["instancesFormat"],
            given["outputConfig"]["predictionsFormat"],
        )
    except (KeyError, TypeError):
        raise ApiError(400, "The BatchPredictionJob lacks its input or its output.") from None
    if formats != ("jsonl", "jsonl") or not isinstance(uris, list) or len(uris) != 1:
        raise ApiError(400, "The input is one JSONL file, and so is the output.")
    if not all(str(uri).startswith("gs://") for uri in (*uris, prefix)):
        raise ApiError(400, "Invalid Cloud Storage URI.")


def _check_labels(labels: Mapping[str, Any]) -> None:
    good = len(labels) <= 64 and all(
        _KEY.fullmatch(key) and isinstance(value, str) and _VALUE.fullmatch(value)
        for key, value in labels.items()
    )
    if not good:
        raise ApiError(400, "List of labels has invalid keys or values.")
