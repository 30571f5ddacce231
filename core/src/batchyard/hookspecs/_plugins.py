"""Sinks, gates, prices and engines: what the tracked mode is extended by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from batchyard.hookspecs._markers import hookspec

if TYPE_CHECKING:
    from batchyard.hookspecs._records import GateLine, Rates, Verdict
    from batchyard.models import BatchRequest, Event

__all__ = ["EngineSpec", "GateSpec", "PriceSpec", "SinkSpec"]


class SinkSpec:
    """Durable delivery of events (group ``batchyard.sinks``).

    A sink is a subscription named in the configuration; each event is delivered
    to it at least once.
    """

    @hookspec(firstresult=True)
    def deliver(self, event: Event) -> Awaitable[None]:  # type: ignore[empty-body]
        r"""Deliver one event; returning acknowledges it, raising has it delivered again.

        ``event.id`` is the same at each attempt, so that a receiver can tell.

        Example::

            from pathlib import Path

            from batchyard.hookspecs import hookimpl

            class Example:
                def __init__(self, path="events.txt"):
                    self.path = Path(path)

                @hookimpl
                async def deliver(self, event):
                    with self.path.open("a") as file:
                        file.write(f"{event.id} {event.type}\n")
        """


class GateSpec:
    """What may refuse or rewrite a line, or refuse a batch (group ``batchyard.gates``).

    Gates run in the configured order, each on what its predecessor left.  A
    gate that raises refuses: it fails closed.
    """

    @hookspec(firstresult=True)
    def check_lines(self, lines: Sequence[GateLine]) -> Sequence[Verdict]:  # type: ignore[empty-body]
        """One verdict for each line, in their order.

        Example::

            from batchyard.hookspecs import Verdict, hookimpl

            class Example:
                @hookimpl
                def check_lines(self, lines):
                    return [
                        Verdict.refuse("too_long", "Prompts are limited to 100 kB here.")
                        if len(line.data) > 100_000
                        else Verdict.keep()
                        for line in lines
                    ]
        """

    @hookspec(firstresult=True)
    def check_batch(self, batch: BatchRequest) -> Verdict:  # type: ignore[empty-body]
        """Whether the batch may be created.

        Example::

            from batchyard.hookspecs import Verdict, hookimpl

            class Example:
                @hookimpl
                def check_batch(self, batch):
                    if "gpt-5-pro" in batch.models:
                        return Verdict.refuse("model_not_allowed", "Ask for gpt-5-pro first.")
                    return Verdict.keep()
        """


class PriceSpec:
    """Where prices come from (group ``batchyard.prices``)."""

    @hookspec(firstresult=True)
    def rates(
        self, model: str, provider: str, region: str | None, tier: str, at: float
    ) -> Rates | None:
        """The rates of *model* at Unix time *at*, or ``None`` to let another source answer.

        ``tier`` is ``batch``.  Resolved once for each model and tier, never per line.

        Example::

            from decimal import Decimal

            from batchyard.hookspecs import Rates, hookimpl

            class Example:
                @hookimpl
                def rates(self, model, provider, region, tier, at):
                    if model == "house-model":
                        return Rates(Decimal("0.10"), Decimal("0.40"), source="example")
        """


class EngineSpec:
    """Who runs the work of the tracked mode (group ``batchyard.engines``)."""

    @hookspec(firstresult=True)
    def dispatch(self, ids: Sequence[str], advance: Callable[[str], Awaitable[None]]) -> None:
        """See to it that ``advance(id)`` is called at least once soon for each of *ids*.

        Calling it twice, or by two workers at once, does no harm.

        Example::

            import asyncio

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def dispatch(self, ids, advance):
                    async def all_of_them():
                        for id in ids:
                            await advance(id)

                    asyncio.run(all_of_them())
        """
