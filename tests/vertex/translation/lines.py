"""What the tests of the translation share: lines there and back."""

from __future__ import annotations

import json
from typing import Any

from batchyard.emulators import FileStore
from batchyard.steps import BytesSource
from batchyard_vertex._names import JobId, Role
from batchyard_vertex.emulator._importer import imported
from batchyard_vertex.emulator._models import Kind
from batchyard_vertex.translation import Options, Translated, translated
from batchyard_vertex.translation._losses import Notes
from batchyard_vertex.translation._row_ids import RowIds
from batchyard_vertex.translation._rows import Rows

Line = dict[str, Any]

JOB = JobId("us-central1", "7")


def line(custom_id: str, url: str, **body: Any) -> Line:
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def chat(custom_id: str = "one", model: str = "gemini-2.5-flash", **body: Any) -> Line:
    messages = {"messages": [{"role": "user", "content": "Hi"}]}
    return line(custom_id, "/v1/chat/completions", **{"model": model, **messages, **body})


def file_of(*lines: Line) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in lines).encode()


def sent(*lines: Line, **options: Any) -> tuple[list[Any], Translated]:
    """The lines for the service, and what else is known of the file."""
    made = translated(BytesSource(file_of(*lines)), Options(**options))
    text = b"".join(made.source.chunks())
    return [json.loads(one) for one in text.splitlines()], made


def loaded(made: Translated, kind: Kind = Kind.GEMINI) -> list[Line]:
    """The rows that the strict importer makes of the file; it raises if it does not take it."""
    store = FileStore()
    writer = store.writer()
    for piece in made.source.chunks():
        writer.write(piece)
    try:
        return imported(writer.commit(), kind)
    finally:
        store.close()


def ids_of(made: Translated) -> RowIds:
    return RowIds(b"".join(made.ids.chunks()))


def back(
    ids: RowIds, role: Role, rows: list[Line], status: str = "completed"
) -> list[dict[str, Any]]:
    """The lines of one file of results."""
    reader = Rows(ids, role, JOB)
    try:
        text = "".join(json.dumps(row) + "\n" for row in rows).encode()
        written = [*reader.left_out(), reader.translated(text), *reader.never_run(status)]
    finally:
        reader.close()
    return [json.loads(one) for one in b"".join(written).splitlines()]


def answered(row: Line, text: str = "Hello", **more: Any) -> Line:
    """The row with an answer, as the service writes it."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}
    return {**row, "status": "", "response": {"candidates": [candidate], **more}}


def losses(notes: Notes) -> set[tuple[str, str]]:
    return {(one.kind, one.path) for one in notes}
