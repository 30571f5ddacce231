"""Ids, and where things are in the bucket.

.. code-block:: text

    file-{time}-{token}                 an input file      {prefix}/files/{id}.json
                                                           {prefix}/data/{id}/original.jsonl
                                                           {prefix}/data/{id}/input.jsonl
                                                           {prefix}/data/{id}/ids.jsonl
    batch_{location}_{number}           a job              {prefix}/jobs/{token}/prediction-…/
    file-output-{location}-{number}     the good rows of a job
    file-error-{location}-{number}      its other rows

An id says all that there is to know, so a new process needs no state, and it has
neither bucket nor path, so it cannot lead out of the account's.  ``time`` counts
down, since Cloud Storage lists by name and lists are newest first.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Literal

from batchyard.errors import InputError, NotFoundError
from batchyard_vertex._settings import Settings

__all__ = ["JobId", "Places", "ResultId", "file_id_at", "job_id", "parse_file_id", "token_of"]

_END = 1 << 44
"""Milliseconds: the year 2527."""

_FILE = re.compile(r"file-[0-9a-f]{11}-[a-z0-9_-]{1,40}")
_RESULT = re.compile(r"file-(output|error)-([a-z][a-z0-9-]{1,40})-(\d{1,20})")
_BATCH = re.compile(r"batch_([a-z][a-z0-9-]{1,40})_(\d{1,20})")
_RESOURCE = re.compile(
    r"projects/[^/]+/locations/([a-z][a-z0-9-]{1,40})/batchPredictionJobs/(\d{1,20})"
)
_NUMBER = re.compile(r"\d{1,20}")
_TOKEN = re.compile(r"[a-z0-9_-]{1,40}")


@dataclass(frozen=True, slots=True)
class JobId:
    """A job.  It can be seen at its own location only."""

    location: str
    number: str

    @property
    def id(self) -> str:
        return f"batch_{self.location}_{self.number}"

    def file(self, role: Role) -> str:
        return f"file-{role}-{self.location}-{self.number}"


Role = Literal["output", "error"]


@dataclass(frozen=True, slots=True)
class ResultId:
    """The output or the error file of a job."""

    role: Role
    job: JobId


class Places:
    """Names of objects in the account's part of its bucket."""

    def __init__(self, settings: Settings) -> None:
        self._root = f"{settings.prefix}/" if settings.prefix else ""
        self._bucket = settings.bucket

    @property
    def records(self) -> str:
        return f"{self._root}files/"

    def record(self, file_id: str) -> str:
        return f"{self.records}{file_id}.json"

    def folder(self, file_id: str) -> str:
        return f"{self._root}data/{file_id}/"

    def original(self, file_id: str) -> str:
        return f"{self.folder(file_id)}original.jsonl"

    def input(self, file_id: str) -> str:
        return f"{self.folder(file_id)}input.jsonl"

    def ids(self, file_id: str) -> str:
        return f"{self.folder(file_id)}ids.jsonl"

    def job(self, token: str) -> str:
        return f"{self._root}jobs/{token}"

    def uri(self, name: str) -> str:
        return f"gs://{self._bucket}/{name}"

    def own(self, uri: str) -> str | None:
        """The name of the object, or folder, that *uri* has in the account's part of the bucket."""
        name = uri.removeprefix(f"gs://{self._bucket}/")
        inside = name != uri and name.startswith(self._root) and ".." not in name.split("/")
        return name if inside else None

    def file_of_input(self, uri: str) -> str | None:
        """The file whose lines a job was given, if it is one of the account's."""
        file_id = (self.own(uri) or "").removesuffix("/input.jsonl").rpartition("/")[2]
        good = _FILE.fullmatch(file_id) and uri == self.uri(self.input(file_id))
        return file_id if good else None

    def file_of_record(self, name: str) -> str | None:
        file_id = name.removeprefix(self.records).removesuffix(".json")
        return file_id if _FILE.fullmatch(file_id) else None


def token_of(marker: str | None) -> str:
    """What tells uploads and jobs apart: the marker, in characters that ids and labels may have."""
    if marker is None:
        return secrets.token_hex(16)
    if _TOKEN.fullmatch(marker):
        return marker
    return hashlib.sha256(marker.encode(errors="surrogatepass")).hexdigest()[:32]


def file_id_at(now: float, token: str) -> str:
    """The id of an input file that is uploaded now (Unix seconds)."""
    return f"file-{max(0, _END - int(now * 1000)):011x}-{token}"


def parse_file_id(file_id: str) -> str | ResultId:
    """An input file's id as it is, or whose results the file has."""
    if _FILE.fullmatch(file_id):
        return file_id
    found = _RESULT.fullmatch(file_id)
    if found is None:
        raise NotFoundError(f"there is no file {file_id!r}", status=404, param="file_id")
    role: Role = "output" if found[1] == "output" else "error"
    return ResultId(role, JobId(found[2], found[3]))


def job_id(text: str, location: str) -> JobId:
    """A batch's id, or what Google shows: a job's number, here at *location*, or its full name."""
    if not text:
        raise InputError("the id is empty", param="batch_id")
    if _NUMBER.fullmatch(text):
        return JobId(location, text)
    found = _BATCH.fullmatch(text) or _RESOURCE.fullmatch(text)
    if found is None:
        raise NotFoundError(f"there is no batch {text!r}", status=404, param="batch_id")
    return JobId(found[1], found[2])
