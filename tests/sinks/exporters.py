"""The rows of the exporters: OTLP to a receiver, files, and a warehouse."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from pydantic import SecretStr

from batchyard_langfuse import LangfuseSettings, LangfuseSink
from batchyard_objectstore import ObjectStoreSettings, ObjectStoreSink
from batchyard_otel import OtelSettings, OtelSink
from batchyard_sql import SqlSettings, SqlSink
from tests.otel.receiver import Receiver, plain, receiving

__all__ = ["SECRET", "langfuse", "objectstore", "otel", "sql"]

SECRET = "canary-secret-of-an-exporter-77c1"

STATUSES = {"well": 200, "rejecting": 400}
"""The moods that the receiver knows; the others are made from outside of the sink."""


class Received:
    """What a receiver of OTLP has been sent."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def set(self, mood: str) -> bool:
        self.receiver.status = STATUSES.get(mood, 200)
        return mood in STATUSES

    def output(self) -> bytes:
        # without what says who sends it
        return self.receiver.raw


class Otel(Received):
    plugin: OtelSink

    def received(self) -> Sequence[str]:
        return [
            plain(record.attributes)["gen_ai.batch.event.id"] for record in self.receiver.records
        ]


@contextmanager
def otel(_: Path) -> Iterator[Otel]:
    with receiving() as receiver:
        made = Otel(receiver)
        headers = {"api-key": SecretStr(SECRET)}
        made.plugin = OtelSink(OtelSettings(endpoint=receiver.url, headers=headers, timeout=0.5))
        yield made


class Langfuse(Received):
    plugin: LangfuseSink

    def received(self) -> Sequence[str]:
        """The event that ends the batch, and its lines."""
        told = [plain(span.attributes) for span in self.receiver.spans]
        names = [f"langfuse.observation.metadata.{name}" for name in ("event_id", "line_id")]
        return [one[name] for one in told for name in names if name in one]


@contextmanager
def langfuse(_: Path) -> Iterator[Langfuse]:
    with receiving() as receiver:
        made = Langfuse(receiver)
        settings = LangfuseSettings(
            host=receiver.url, public_key="pk", secret_key=SecretStr(SECRET), timeout=0.5
        )
        made.plugin = LangfuseSink(settings)
        yield made


@dataclass
class Files:
    plugin: ObjectStoreSink
    folder: Path

    def set(self, mood: str) -> bool:
        # a file where the folder should be
        if mood == "rejecting":
            self.folder.write_text("in the way")
        elif self.folder.is_file():
            self.folder.unlink()
        return mood in {"rejecting", "well"}

    def received(self) -> Sequence[str]:
        """As they were put: the time of each file is its place."""
        parts = sorted(self.folder.rglob("*.ndjson"), key=lambda path: path.stat().st_mtime_ns)
        return [json.loads(line)["id"] for path in parts for line in path.read_bytes().splitlines()]

    def output(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.folder.rglob("*.ndjson"))


@contextmanager
def objectstore(folder: Path) -> Iterator[Files]:
    place = folder / "lake"
    yield Files(ObjectStoreSink(ObjectStoreSettings(url=str(place))), place)


@dataclass
class Warehouse:
    plugin: SqlSink
    path: Path

    def set(self, mood: str) -> bool:
        if mood == "rejecting":
            self.path.mkdir()
        elif self.path.is_dir():
            self.path.rmdir()
        return mood in {"rejecting", "well"}

    def received(self) -> Sequence[str]:
        with duckdb.connect(str(self.path)) as connection:
            query = "select event_id from batchyard.settlements order by settled_at"
            return [row[0] for row in connection.execute(query).fetchall()]

    def output(self) -> bytes:
        with duckdb.connect(str(self.path)) as connection:
            tables = ("settlements", "settlement_items")
            rows = [connection.execute(f"from batchyard.{one}").fetchall() for one in tables]
        return repr(rows).encode()


@contextmanager
def sql(folder: Path) -> Iterator[Warehouse]:
    path = folder / "costs.duckdb"
    yield Warehouse(SqlSink(SqlSettings(url=SecretStr(f"duckdb://{path}"))), path)
