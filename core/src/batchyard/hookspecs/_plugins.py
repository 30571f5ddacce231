"""Sinks, gates, prices and engines: what the tracked mode is extended by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from batchyard.hookspecs._markers import hookspec

if TYPE_CHECKING:
    from batchyard.hookspecs._records import Admission, GateLine, Verdict
    from batchyard.models import BatchEvent, BatchRequest, Event, LineRecord, Rates

__all__ = ["EngineSpec", "GateSpec", "PriceSpec", "SinkSpec"]


class SinkSpec:
    """Durable delivery of events (group ``batchyard.sinks``).

    A sink is a subscription named in the configuration; each event is delivered
    to it at least once, those of one batch in their order.  A class that has a
    pydantic model called ``Settings`` is made with one, of the settings that the
    configuration has for it; another class with those settings as its arguments.
    """

    @hookspec(firstresult=True)
    def deliver(self, event: Event) -> Awaitable[None]:  # type: ignore[empty-body]
        r"""Deliver one event; returning acknowledges it, raising has it delivered again.

        ``event.id`` is the same at each attempt, so that a receiver can tell.  An
        ``async def`` runs on the worker's event loop, a ``def`` in a thread of its
        own; either has ten seconds, and returns ``None``.  Several events, of
        different batches, may be under way at a time.
        :func:`batchyard.events.to_json` has the form in which to pass one on.

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

    @hookspec(firstresult=True)
    def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> Awaitable[None]:  # type: ignore[empty-body]
        r"""Deliver lines of the batch that *event* says has ended; returning acknowledges them.

        Only where the subscription asks for lines.  They come before the event
        itself, in the order of the input, at most 500 and about a megabyte of
        them at a time, each time with ten seconds.  What was acknowledged stays
        so: after a failure the next attempt goes on behind it, with the same
        lines as the one that failed, so that ``event.id`` and ``lines[0].number``
        name them.  A line's ``id`` is the same at each delivery.
        ``batch_adjusted`` brings all lines again, as they are then.  A sink without
        ``deliver`` gets lines alone.
        :func:`batchyard.events.line_to_json` has the form in which to pass one on.

        Example::

            from pathlib import Path

            from batchyard.hookspecs import hookimpl

            class Example:
                def __init__(self, path="lines.txt"):
                    self.path = Path(path)

                @hookimpl
                def deliver_lines(self, event, lines):
                    with self.path.open("a") as file:
                        for line in lines:
                            file.write(f"{line.id} {line.custom_id} {line.outcome} {line.cost}\n")
        """


class GateSpec:
    """What may refuse or rewrite a line, or refuse a batch (group ``batchyard.gates``).

    Gates run in the configured order, each on what its predecessor left.  They
    see files for batches after these have been found valid, and before anything
    is sent.  A gate that raises, that takes too long, or that answers something
    else than it is asked for refuses: it fails closed.
    """

    @hookspec(firstresult=True)
    def check_lines(self, lines: Sequence[GateLine]) -> Sequence[Verdict]:  # type: ignore[empty-body]
        """One verdict for each line, in their order.

        *lines* are at most 500, and about a megabyte, of one file.  A line that is
        rewritten keeps its ``custom_id`` and its ``url``, and stays on one line.
        Where batches are kept in a ledger, a refused line is left out of what is
        sent and ends as ``refused``; otherwise it refuses the file.

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
    def check_batch(self, batch: BatchRequest, admission: Admission | None) -> Verdict:  # type: ignore[empty-body]
        """Whether the batch may be created.

        *admission* says who asks for it, and what it would cost.  It is ``None``
        in direct mode, where nothing is kept, and a gate that needs it refuses.
        With ``Verdict.keep(Reservation(…))`` the batch is created only if so much
        is left, and what it really costs counts once it is settled.

        Example::

            from batchyard.hookspecs import Verdict, hookimpl

            class Example:
                @hookimpl
                def check_batch(self, batch, admission):
                    if admission is None or not admission.identity.team:
                        return Verdict.refuse("no_team", "Batches are for a team here.")
                    if "gpt-5-pro" in batch.models:
                        return Verdict.refuse("model_not_allowed", "Ask for gpt-5-pro first.")
                    return Verdict.keep()
        """


class PriceSpec:
    """Where prices come from (group ``batchyard.prices``).

    The first source that answers counts.  They are asked by their ``rank``, a
    number that a source may have: the accounts' own prices are 0, the file that
    ships with core is 200, and a source without one is 100.  A class whose
    constructor needs an argument is given a :class:`batchyard.prices.PriceContext`.
    Answers are kept; a source whose prices change while it runs has ``edition``,
    a text that changes with them.  One that raises leaves its models unpriced
    rather than at another source's price.
    """

    @hookspec(firstresult=True)
    def rates(  # noqa: PLR0913, PLR0917 - a hook takes of these what it needs
        self,
        model: str,
        provider: str,
        region: str | None,
        tier: str,
        at: float,
        account: str,
        requested: str | None,
        discount: Decimal | None,
    ) -> Rates | None:
        """The rates of *model* at Unix time *at*, or ``None`` to let another source answer.

        ``tier`` is ``batch``; with ``list`` it is asked what the model costs one
        by one, to derive a batch's price from where nobody knows that.  *model*
        is asked for by each of its names in turn: as the provider writes it,
        then without date.  *requested* is what the lines asked for, *discount*
        the part that the provider says to take off its list prices for batches,
        if it says so (:class:`~batchyard.models.Billing`).  Resolved once for
        each model and day, never per line.

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
    """Who runs the work of the tracked mode (group ``batchyard.engines``).

    An engine only calls; that nothing is done twice is the ledger's affair.  It
    is made with an :class:`EngineContext`.  ``advance`` returns when the id has
    nothing more to be done now.  One that raises is logged by the engine and
    stops nothing: the ledger dispatches the id again when it is due.
    """

    @hookspec(firstresult=True)
    def dispatch(  # type: ignore[empty-body]
        self, ids: Sequence[str], advance: Callable[[str], Awaitable[None]]
    ) -> Awaitable[None]:
        """See to it that ``advance(id)`` is called at least once soon for each of *ids*.

        It need not wait for that.  Calling it twice, or by two workers at once,
        does no harm; an id that is dispatched while it is advanced must be
        advanced once more.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                def __init__(self, context):
                    self.name = context.name

                @hookimpl
                async def dispatch(self, ids, advance):
                    for id in ids:
                        await advance(id)
        """

    @hookspec(firstresult=True)
    def serve(self, advance: Callable[[str], Awaitable[None]]) -> Awaitable[None]:  # type: ignore[empty-body]
        """Advance what has been dispatched, by this process or another, until cancelled.

        Only for engines that keep the ids somewhere else than in the process that
        dispatched them.  It should outlive an outage of what it depends on.

        Example::

            import asyncio

            from batchyard.hookspecs import hookimpl

            class Example:
                def __init__(self, context):
                    self.queue = asyncio.Queue()

                @hookimpl
                async def dispatch(self, ids, advance):
                    for id in ids:
                        await self.queue.put(id)

                @hookimpl
                async def serve(self, advance):
                    while True:
                        await advance(await self.queue.get())
        """

    @hookspec(firstresult=True)
    def close(self) -> Awaitable[None]:  # type: ignore[empty-body]
        """End what runs, and give back what is held.  Nothing is dispatched afterwards.

        Example::

            import asyncio

            from batchyard.hookspecs import hookimpl

            class Example:
                def __init__(self, context):
                    self.tasks = []

                @hookimpl
                async def dispatch(self, ids, advance):
                    self.tasks += [asyncio.create_task(advance(id)) for id in ids]

                @hookimpl
                async def close(self):
                    await asyncio.gather(*self.tasks)
        """
