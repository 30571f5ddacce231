"""What to do about the failures that Vertex AI is known to have."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from batchyard.errors import APIStatusError

__all__ = ["advised", "cure_of"]

Found = re.Match[str]

_STORAGE_ROLES = {
    "storage.objects.create": "roles/storage.objectCreator",
    "storage.objects.get": "roles/storage.objectViewer",
    "storage.objects.list": "roles/storage.objectViewer",
}


@dataclass(frozen=True, slots=True)
class _Known:
    pattern: re.Pattern[str]
    cure: Callable[[Found], str]


def _lacking(found: Found) -> str:
    identity, permission, bucket = found[1], found[2], found[3]
    role = _STORAGE_ROLES.get(permission, "roles/storage.objectUser")
    return (
        f"Give {identity}, the service agent that jobs run as, {role} on gs://{bucket}; "
        "the caller's own rights do not matter here."
    )


def _bucket(found: Found) -> str:
    return (
        f"Check that gs://{found[1]} exists, and that the Vertex AI service agent of the project "
        "may see it (roles/storage.objectViewer)."
    )


def _plain(text: str) -> Callable[[Found], str]:
    return lambda _: text


_KNOWN = (
    _Known(
        re.compile(
            r"Service account (\S+@\S+) doesn't have sufficient permission "
            r'"([\w.]+)" to \w+ gs://([^/\s]+)'
        ),
        _lacking,
    ),
    _Known(re.compile(r"Failed to get GCS bucket location for ([\w.-]*\w)"), _bucket),
    _Known(
        re.compile(r"Failed to import data"),
        _plain(
            "One type for each path in the whole file is what the importer takes: no nulls, no "
            "empty objects, names of letters, digits and underscores. Files that are uploaded "
            "through Batchyard are checked for that, line by line."
        ),
    ),
    _Known(
        re.compile(r"Service agents are being provisioned"),
        _plain("It is the project's first job: create the batch again in a few minutes."),
    ),
    _Known(
        re.compile(r"The PublisherModel \S+ does not exist"),
        _plain(
            "Check the model's name and the location: not every model is everywhere. Names that "
            "the lines have for a model can be mapped to Vertex's by the setting `models`."
        ),
    ),
    _Known(
        re.compile(r"has not been used in project \S+ before or it is disabled"),
        _plain("Enable it: gcloud services enable aiplatform.googleapis.com."),
    ),
    _Known(
        re.compile(r"Permission '(aiplatform\.[\w.]+)' denied"),
        lambda found: f"Give the caller roles/aiplatform.user on the project ({found[1]}).",
    ),
)

_BY_CODE = {
    1: "It was cancelled, by somebody who may.",
    4: "It took too long; create the batch again, or split its file.",
    5: "Something that the job needs was deleted: upload the file again.",
    7: "Check the rights of the caller (roles/aiplatform.user) and of the Vertex AI service agent "
    "on the bucket: `batchyard doctor` names what is missing.",
    8: "The quota is used up: create the batch again when other jobs have ended.",
    13: "It is the service's own failure: create the batch again.",
    14: "The service was not available: create the batch again.",
}
"""By google.rpc.Code."""


def cure_of(code: int | None, message: str) -> str | None:
    """A sentence that says what to do, for a job's error."""
    for known in _KNOWN:
        found = known.pattern.search(message)
        if found:
            return known.cure(found)
    return _BY_CODE.get(code) if code is not None else None


def advised(error: APIStatusError) -> APIStatusError:
    """A refusal that says what to do, where that is known."""
    cure = cure_of(None, error.message)
    if cure is not None and cure not in error.message:
        error.message = f"{error.message.rstrip()} {cure}"
        error.args = (error.message,)
    return error
