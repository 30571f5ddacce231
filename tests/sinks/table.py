"""Every sink with its real receiver: a row each.

A package's sink joins by a row in ROWS, and goes through all that
``test_every_sink.py`` does.  A row makes a :class:`Case`: the sink's plugin as a
user's configuration makes it, and the receiver that it delivers to.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from batchyard.events import line_to_json, to_json
from batchyard.events.jsonl import JsonlSettings, JsonlSink
from batchyard.hookspecs import hookimpl
from batchyard.models import BatchEvent, Event, LineRecord
from batchyard_litellm import LiteLLM, LiteLLMSettings
from batchyard_webhook import Webhook, WebhookSettings
from tests.sinks import exporters
from tests.sinks.receivers import Receiver

__all__ = ["MOODS", "ROWS", "Case", "Row"]

MOODS = ("down", "slow", "rejecting", "raising", "hanging")
"""What may be wrong with a receiver.

It cannot be reached; it answers late; it answers with a refusal; it (or what
speaks to it) breaks in the middle; it never answers.
"""

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Case(Protocol):
    """One sink with a receiver of its own."""

    @property
    def plugin(self) -> object: ...

    def set(self, mood: str) -> bool:
        """Put the receiver into a mood, or back to ``well``.

        False where it knows no such mood: then the sink is made to behave so
        from outside.
        """
        ...

    def received(self) -> Sequence[str]:
        """The stable ids that the receiver has taken, in their order; a repeated one repeated."""
        ...

    def output(self) -> bytes:
        """All that it has been sent, as it was sent."""
        ...


@dataclass(frozen=True)
class Row:
    """``make`` gets a folder of its own.

    ``lines`` says that the sink is told of all lines, and that ``received`` has
    their ids too.  ``repeats`` says that a receiver may have an id twice, where an
    attempt was broken off after it had been taken: it would tell them apart itself.
    """

    name: str
    make: Callable[[Path], AbstractContextManager[Case]]
    lines: bool = False
    repeats: bool = False


@dataclass
class Jsonl:
    plugin: JsonlSink
    path: Path

    def set(self, mood: str) -> bool:
        # a folder in the file's place is a receiver that refuses
        if mood == "rejecting":
            self.path.mkdir()
        elif self.path.is_dir():
            self.path.rmdir()
        return mood in {"rejecting", "well"}

    def received(self) -> Sequence[str]:
        return [json.loads(line)["id"] for line in self.path.read_text("utf-8").splitlines()]

    def output(self) -> bytes:
        return self.path.read_bytes()


@contextmanager
def jsonl(folder: Path) -> Iterator[Case]:
    path = folder / "events.jsonl"
    yield Jsonl(JsonlSink(JsonlSettings(path=path)), path)


@dataclass
class Posted:
    """A webhook of any form; its id is in a header."""

    plugin: Webhook
    receiver: Receiver

    def set(self, mood: str) -> bool:
        self.receiver.set(mood)
        return True

    def received(self) -> Sequence[str]:
        return [post.headers["webhook-id"] for post in self.receiver.posts]

    def output(self) -> bytes:
        return b"\n".join(b"%r %b" % (post.headers, post.body) for post in self.receiver.posts)


def webhook(**options: Any) -> Callable[[Path], AbstractContextManager[Case]]:
    @contextmanager
    def make(_: Path) -> Iterator[Case]:
        with Receiver() as receiver:
            values: dict[str, Any] = {
                "url": receiver.url,
                "secret": SECRET,
                "allow": ("127.0.0.1/32",),
                "allow_http": True,
                # it is left to core, so that the table may count attempts
                "failures": 1000,
                "timeout": 9.0,
                **options,
            }
            yield Posted(Webhook(WebhookSettings(**values)), receiver)

    return make


class Callback:
    """A logger that knows no LiteLLM, and what it was told."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self.mood = "well"

    async def async_log_success_event(self, kwargs: dict[str, Any], *_: object) -> None:
        if self.mood == "hanging":
            await asyncio.Event().wait()
        if self.mood in {"down", "rejecting", "raising"}:
            raise ConnectionError(self.mood)
        if self.mood == "slow":
            await asyncio.sleep(0.01)
        self.payloads.append(json.dumps(kwargs, default=repr))


@dataclass
class Logged:
    plugin: LiteLLM
    callback: Callback

    def set(self, mood: str) -> bool:
        self.callback.mood = mood
        return True

    def received(self) -> Sequence[str]:
        return [json.loads(one)["litellm_call_id"] for one in self.callback.payloads]

    def output(self) -> bytes:
        return "\n".join(self.callback.payloads).encode()


@contextmanager
def litellm(folder: Path) -> Iterator[Case]:
    name = f"callback_{folder.name}".replace("-", "_")
    made = globals()[name] = Callback()
    try:
        yield Logged(LiteLLM(LiteLLMSettings(callback=f"{__name__}.{name}")), made)
    finally:
        del globals()[name]


class Lined:
    """Takes lines and events, and keeps them as they would be passed on."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    @hookimpl
    async def deliver(self, event: Event) -> None:
        self.records.append(to_json(event))

    @hookimpl
    async def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        assert event.batch.id == lines[0].batch_id
        self.records += [line_to_json(one) for one in lines]


@dataclass
class Kept:
    plugin: Lined

    def set(self, mood: str) -> bool:
        return mood == "well"

    def received(self) -> Sequence[str]:
        return [one["id"] for one in self.plugin.records]

    def output(self) -> bytes:
        return json.dumps(self.plugin.records).encode()


@contextmanager
def lined(_: Path) -> Iterator[Case]:
    yield Kept(Lined())


ROWS = (
    # no package's: what one that wants lines is given
    Row("lined", lined, lines=True),
    Row("jsonl", jsonl),
    Row("webhook", webhook(), repeats=True),
    Row("cloudevents", webhook(format="cloudevents"), repeats=True),
    Row("litellm", litellm),
    # an attempt that was broken off may have told some of it; ids make it one
    Row("otel", exporters.otel, repeats=True),
    Row("langfuse", exporters.langfuse, lines=True, repeats=True),
    Row("objectstore", exporters.objectstore, lines=True),
    Row("sql", exporters.sql),
)
