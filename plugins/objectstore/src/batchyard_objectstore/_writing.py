"""Events and lines as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from batchyard.events import line_to_json, to_json
from batchyard.models import Event, LineRecord

__all__ = ["events_as", "lines_as"]

Format = Literal["ndjson", "parquet"]


def events_as(form: Format, events: Sequence[Event]) -> bytes:
    records = [to_json(one) for one in events]
    if form == "ndjson":
        return _ndjson(records)
    from batchyard_objectstore import _parquet  # noqa: PLC0415 - pyarrow, which not everybody has

    return _parquet.of_events(records)


def lines_as(form: Format, lines: Sequence[LineRecord]) -> bytes:
    records = [line_to_json(one) for one in lines]
    if form == "ndjson":
        return _ndjson(records)
    from batchyard_objectstore import _parquet  # noqa: PLC0415 - the same

    return _parquet.of_lines(records)


def _ndjson(records: Iterable[dict[str, Any]]) -> bytes:
    # ASCII: what comes from outside need not be encodable as it is
    return b"".join(
        json.dumps(one, separators=(",", ":")).encode("ascii") + b"\n" for one in records
    )
