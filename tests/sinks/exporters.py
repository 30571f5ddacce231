"""The rows of the exporters: OTLP to a receiver, files, and a warehouse."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from pydantic import SecretStr

from batchyard_langfuse import LangfuseSettings, LangfuseSink
from batchyard_objectstore import ObjectStoreSettings, ObjectStoreSink
from batchyard_otel import OtelSettings, OtelSink
from batchyard_sql import SqlSettings, SqlSink
from tests.otel.receiver import KINDS, plain
from tests.sinks.receivers import Receiver

__all__ = ["SECRET", "langfuse", "objectstore", "otel", "sql"]

SECRET = "canary-secret-of-an-exporter-77c1"

PATIENCE = 0.9
"""Seconds: less than the life has for an event, so that a sink gives up by itself."""


class Received:
    """What a receiver of OTLP has been sent, decoded by the official protobufs."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver

    @property
    def url(self) -> str:
        return self.receiver.url.removesuffix("/events")

    def set(self, mood: str) -> bool:
        self.receiver.set(mood)
        return True

    def told(self, signal: str) -> Iterator[dict[str, Any]]:
        """The attributes of each record or span, in their order."""
        for post in self.receiver.posts:
            if post.path.endswith(f"/v1/{signal}"):
                message = KINDS[signal].FromString(gzip.decompress(post.body))
                yield from map(plain, _attributes(message))

    def output(self) -> bytes:
        # without what says who sends it
        return b"".join(gzip.decompress(post.body) for post in self.receiver.posts)


def _attributes(message: Any) -> Iterator[Any]:
    for resource in getattr(message, "resource_spans", None) or message.resource_logs:
        for scope in getattr(resource, "scope_spans", None) or resource.scope_logs:
            for one in getattr(scope, "spans", None) or scope.log_records:
                yield one.attributes


class Otel(Received):
    plugin: OtelSink

    def received(self) -> Sequence[str]:
        return [one["gen_ai.batch.event.id"] for one in self.told("logs")]


@contextmanager
def otel(_: Path) -> Iterator[Otel]:
    with Receiver() as receiver:
        made = Otel(receiver)
        headers = {"api-key": SecretStr(SECRET)}
        settings = OtelSettings(endpoint=made.url, headers=headers, timeout=PATIENCE)
        made.plugin = OtelSink(settings)
        yield made


class Langfuse(Received):
    plugin: LangfuseSink

    def received(self) -> Sequence[str]:
        """The event that ends the batch, and its lines."""
        names = [f"langfuse.observation.metadata.{name}" for name in ("event_id", "line_id")]
        return [one[name] for one in self.told("traces") for name in names if name in one]


@contextmanager
def langfuse(_: Path) -> Iterator[Langfuse]:
    with Receiver() as receiver:
        made = Langfuse(receiver)
        settings = LangfuseSettings(
            host=made.url, public_key="pk", secret_key=SecretStr(SECRET), timeout=PATIENCE
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
