"""Uploads: at once, in two parts, and in chunks."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

from batchyard.emulators import BlobWriter
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._objects import Objects, Stored, hashes_of

__all__ = ["Session", "Uploads", "description", "parts_of"]

QUARTER = 256 * 1024
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_BOUNDARY = re.compile(r"multipart/related;.*boundary=[\"']?([^;\"']+)[\"']?", re.IGNORECASE)

About = dict[str, Any]


@dataclass(slots=True)
class Session:
    """A resumable upload: what has arrived, and the object once all has."""

    bucket: str
    name: str
    about: About
    if_generation: str | None
    writer: BlobWriter
    total: int | None
    stored: Stored | None = None


class Uploads:
    """Sessions by their ids."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._sessions: dict[str, Session] = {}

    def whole(
        self, bucket: str, about: About, data: bytes, if_generation: str | None, at: float
    ) -> Stored:
        name = _name(about)
        self._objects.check(bucket, name, if_generation)
        writer = self._objects.store.writer()
        writer.write(data)
        return self._put(bucket, name, about, writer, at)

    def begin(self, bucket: str, about: About, if_generation: str | None, total: int | None) -> str:
        name = _name(about)
        self._objects.check(bucket, name, if_generation)
        upload_id = secrets.token_urlsafe(24)
        writer = self._objects.store.writer()
        self._sessions[upload_id] = Session(bucket, name, about, if_generation, writer, total)
        return upload_id

    def forget(self, upload_id: str) -> None:
        """As the service does with a session after a week, or when it is cancelled."""
        self._sessions.pop(upload_id, None)

    def forget_all(self) -> None:
        self._sessions.clear()

    def session(self, upload_id: str) -> Session:
        session = self._sessions.get(upload_id)
        if session is None:
            raise ApiError(404, "Not Found", reason="notFound")
        return session

    def receive(self, session: Session, extent: str | None, data: bytes, at: float) -> None:
        """Take a chunk.  One that is not last has a multiple of 256 KiB."""
        if session.stored is not None:
            return
        begin, end, total = self._extent(session, extent, data)
        have = session.writer.size
        if begin is not None:
            if begin > have:
                raise ApiError(503, f"Chunk at {begin} with {have} bytes there.", reason="backend")
            is_last = total is not None and end == total
            if not is_last and len(data) % QUARTER:
                message = "Chunks that are not last have a multiple of 262144 bytes."
                raise ApiError(400, message, reason="invalid")
            session.writer.write(data[have - begin :])
        session.total = total if total is not None else session.total
        if session.total is not None and session.writer.size >= session.total:
            self._finish(session, at)

    def _extent(
        self, session: Session, extent: str | None, data: bytes
    ) -> tuple[int | None, int, int | None]:
        if extent is None:
            return 0, len(data), len(data)
        found = _RANGE.fullmatch(extent)
        if found is None:
            raise ApiError(400, f"Invalid Content-Range: {extent}", reason="badRequest")
        total = None if found[3] == "*" else int(found[3])
        if session.total is not None and total not in {None, session.total}:
            raise ApiError(400, "The total size has changed.", reason="badRequest")
        if found[1] is None:
            return None, 0, total
        begin, end = int(found[1]), int(found[2]) + 1
        if end - begin != len(data):
            raise ApiError(400, "Content-Range does not fit the body.", reason="badRequest")
        return begin, end, total

    def _finish(self, session: Session, at: float) -> None:
        self._objects.check(session.bucket, session.name, session.if_generation)
        session.stored = self._put(session.bucket, session.name, session.about, session.writer, at)

    def _put(self, bucket: str, name: str, about: About, writer: BlobWriter, at: float) -> Stored:
        blob = writer.commit()
        hashes = hashes_of(blob)
        for field, kind, have in (
            ("md5Hash", "MD5", hashes.md5),
            ("crc32c", "CRC32C", hashes.crc32c),
        ):
            said = about.get(field)
            if said is not None and have is not None and said != have:
                message = (
                    f'Provided {kind} hash "{said}" doesn\'t match calculated {kind} hash "{have}".'
                )
                raise ApiError(400, message, reason="invalid")
        kind = about.get("contentType") or "application/octet-stream"
        return self._objects.put(
            bucket,
            name,
            blob,
            at=at,
            hashes=hashes,
            content_type=str(kind),
            metadata=about.get("metadata") or {},
        )


def parts_of(content_type: str, body: bytes) -> tuple[About, bytes]:
    """The description and the data of a ``multipart/related`` body."""
    found = _BOUNDARY.fullmatch(content_type)
    edge = b"--" + found[1].encode() if found else b""
    pieces = body.split(edge) if found else []
    if len(pieces) != 4 or not pieces[3].startswith(b"--"):
        raise ApiError(400, "Failed to parse the multipart body.", reason="parseError")
    (_, about), (head, data) = (_part(piece) for piece in pieces[1:3])
    kind = re.search(rb"content-type:\s*([^\r\n]+)", head, re.IGNORECASE)
    given = {"contentType": kind[1].decode("latin-1").strip()} if kind else {}
    return {**given, **description(about)}, data


def _part(piece: bytes) -> tuple[bytes, bytes]:
    head, _, body = piece.partition(b"\r\n\r\n")
    return head, body[:-2]


def description(text: bytes) -> About:
    try:
        about = json.loads(text or b"{}")
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise ApiError(400, "Parse Error", reason="parseError")
    return about


def _name(about: About) -> str:
    name = about.get("name")
    if not isinstance(name, str) or not name or len(name.encode()) > 1024:
        raise ApiError(400, "Required object name is missing or invalid.", reason="required")
    return name
