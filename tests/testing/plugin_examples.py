"""A sound sink, gate, listener and price source, and others that each break a rule."""
# ruff: noqa: ARG002 - hooks are given what they may need

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, SecretStr

from batchyard.hookspecs import GateLine, Rates, Verdict, hookimpl
from batchyard.models import BatchEvent, BatchRequest, Event, LineRecord, RequestEvent

CONTRACT = ">=1.0,<2"


class SinkSettings(BaseModel):
    path: Path
    token: SecretStr = SecretStr("sink-SECRET-0123456789")


class GoodSink:
    contract: ClassVar[str | None] = CONTRACT
    Settings = SinkSettings

    def __init__(self, settings: SinkSettings) -> None:
        self.settings = settings

    @hookimpl
    def deliver(self, event: Event) -> None:
        self.settings.path.mkdir(exist_ok=True)
        (self.settings.path / event.id).write_text(event.type)

    @hookimpl
    def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        self.settings.path.mkdir(exist_ok=True)
        for line in lines:
            (self.settings.path / f"line-{line.id}").write_text(line.outcome)


class AppendingSink(GoodSink):
    numbers: ClassVar[Any] = count()

    @hookimpl
    def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        self.settings.path.mkdir(exist_ok=True)
        for line in lines:
            name = f"line-{line.id}.{next(self.numbers)}"
            (self.settings.path / name).write_text(line.outcome)


class UndatedSink(GoodSink):
    contract = None


class ShowingSink(GoodSink):
    def __repr__(self) -> str:
        return f"ShowingSink({self.settings.token.get_secret_value()})"


class PickySink(GoodSink):
    @hookimpl
    def deliver(self, event: Event) -> None:
        if isinstance(event, BatchEvent) and event.totals is None:
            raise ValueError("no totals")
        super().deliver(event)


class ClosedSink(GoodSink):
    @hookimpl
    def deliver(self, event: Event) -> None:
        if not hasattr(Event, event.hook) and "teleported" in event.hook:
            raise ValueError(f"what is {event.hook}?")
        super().deliver(event)


class DoublingSink(GoodSink):
    numbers: ClassVar[Any] = count()

    @hookimpl
    def deliver(self, event: Event) -> None:
        self.settings.path.mkdir(exist_ok=True)
        (self.settings.path / f"{event.id}.{next(self.numbers)}").write_text(event.type)


class RacingSink(GoodSink):
    @hookimpl
    def deliver(self, event: Event) -> None:
        self.settings.path.mkdir(exist_ok=True)
        index = self.settings.path / "all"
        before = index.read_text() if index.exists() else ""
        time.sleep(0.002)  # real threads race here
        index.write_text(f"{before}{event.id}\n")


class HopefulSink(GoodSink):
    @hookimpl
    def deliver(self, event: Event) -> None:
        try:
            super().deliver(event)
        except OSError:
            logging.getLogger("hopeful").warning("later")


class GoodListener:
    contract: ClassVar[str | None] = CONTRACT
    needs_totals: ClassVar[Any] = False

    @hookimpl
    def batch_success(self, event: BatchEvent) -> None:
        logging.getLogger("good").debug("%s ended", event.batch.id)

    @hookimpl
    async def request_sent(self, event: RequestEvent) -> None:
        logging.getLogger("good").debug("%s", event.status)


class UndatedListener(GoodListener):
    contract = None


class NeedyListener(GoodListener):
    def __init__(self, address: str) -> None:
        self.address = address


class CrashingListener(GoodListener):
    @hookimpl
    def batch_success(self, event: BatchEvent) -> None:
        raise RuntimeError("no")


class TrustingListener(GoodListener):
    @hookimpl
    def batch_success(self, event: BatchEvent) -> None:
        logging.getLogger("trusting").debug("%s", event.totals.lines)  # type: ignore[union-attr]


class VagueListener(GoodListener):
    needs_totals = "no"


class GoodGate:
    contract: ClassVar[str | None] = CONTRACT

    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        return [self.verdict(line) for line in lines]

    def verdict(self, line: GateLine) -> Verdict:
        text = json.dumps(json.loads(line.data), ensure_ascii=False)
        if "forbidden" in text:
            return self.refusal()
        return Verdict.rewrite(self.clean(text).encode()) if "dirty" in text else Verdict.keep()

    def refusal(self) -> Verdict:
        return Verdict.refuse("forbidden", "Not here.")

    def clean(self, text: str) -> str:
        return text.replace("dirty", "clean")

    @hookimpl
    def check_batch(self, batch: BatchRequest) -> Verdict:
        return Verdict.keep()


class UndatedGate(GoodGate):
    contract = None


class ShowingGate(GoodGate):
    class Settings(BaseModel):
        token: SecretStr = SecretStr("gate-SECRET-0123456789")

    def __init__(self, settings: Any) -> None:
        self.token = settings.token.get_secret_value()

    def __repr__(self) -> str:
        return f"ShowingGate({self.token})"


class OpenGate(GoodGate):
    def verdict(self, line: GateLine) -> Verdict:
        return Verdict.keep()


class SilentGate(GoodGate):
    def refusal(self) -> Verdict:
        return Verdict.refuse("", "")


class RenamingGate(GoodGate):
    def clean(self, text: str) -> str:
        return super().clean(text).replace('"custom_id": "a"', '"custom_id": "b"')


class GrowingGate(GoodGate):
    def clean(self, text: str) -> str:
        return text.replace("dirty", "dirty dirty", 1)


class RawGate(GoodGate):
    def verdict(self, line: GateLine) -> Verdict:
        if b"forbidden" in line.data:
            return self.refusal()
        dirty = b"dirty" in line.data
        return Verdict.rewrite(line.data.replace(b"dirty", b"clean")) if dirty else Verdict.keep()


class CountingGate(GoodGate):
    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        return [self.verdict(line) for line in lines[:2]] + [Verdict.keep()] * len(lines[2:])


class NarrowGate(GoodGate):
    def verdict(self, line: GateLine) -> Verdict:
        if not isinstance(json.loads(line.data)["body"]["messages"], list):
            raise TypeError("messages")
        return super().verdict(line)


class StrictGate(GoodGate):
    @hookimpl
    def check_batch(  # type: ignore[override]
        self, batch: BatchRequest, admission: Any
    ) -> Verdict:
        return Verdict.refuse("", "") if admission is None else Verdict.keep()


class GoodPrices:
    contract: ClassVar[str | None] = CONTRACT
    edition: Any = "1"

    @hookimpl
    def rates(self, model: str, provider: str, tier: str) -> Rates | None:
        known = (model, provider, tier) == ("m", "p", "batch")
        return self.known() if known else None

    def known(self) -> Rates:
        return Rates(Decimal("0.10"), Decimal("0.40"), source="good")


class UndatedPrices(GoodPrices):
    contract = None


class RestlessPrices(GoodPrices):
    numbers: ClassVar[Any] = count()

    @property
    def edition(self) -> str:
        return str(next(self.numbers))


class WrongPrices(GoodPrices):
    def known(self) -> Rates:
        return Rates(Decimal("0.20"), Decimal("0.40"), source="wrong")


class NamelessPrices(GoodPrices):
    def known(self) -> Rates:
        return Rates(Decimal("0.10"), Decimal("0.40"), source="")


class PerTokenPrices(GoodPrices):
    def known(self) -> Rates:
        return Rates(Decimal(100_000), Decimal(400_000), source="per token")


class GuessingPrices(GoodPrices):
    @hookimpl
    def rates(self, model: str, provider: str, tier: str) -> Rates | None:
        return self.known() if model.startswith("m") else None


class RandomPrices(GoodPrices):
    numbers: ClassVar[Any] = count()

    def known(self) -> Rates:
        cached = Decimal(next(self.numbers))
        return Rates(Decimal("0.10"), Decimal("0.40"), cached_input=cached, source="random")
