"""A sink, behind the typed face of its hook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchyard.registry._calling import Hooks
from batchyard.registry._listeners import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from batchyard.models import BatchEvent, Event, LineRecord

__all__ = ["Sink"]


class Sink:
    """Delivers to one place.  *name* is what it is called in errors."""

    def __init__(self, name: str, plugin: object, *, deadline: float = DEADLINE) -> None:
        self.name = name
        self.deadline = deadline
        self._hooks = Hooks("sinks", name, plugin, deadline)

    def __repr__(self) -> str:
        return f"Sink({self.name!r})"

    @property
    def takes_lines(self) -> bool:
        """Whether it can be told of lines."""
        return self._hooks.supports("deliver_lines")

    async def deliver(self, event: Event) -> None:
        """Deliver the event; it is acknowledged by returning.

        Raises :class:`~batchyard.errors.PluginError` otherwise.
        """
        if not self._hooks.supports("deliver"):
            return  # it is for lines alone
        answer = await self._hooks.call_async("deliver", event=event)
        if answer is not None:
            # a False that was meant as a failure must not lose the event
            raise self._hooks.refused("deliver", "None", answer)

    async def deliver_lines(self, event: BatchEvent, lines: Sequence[LineRecord]) -> None:
        """Deliver lines of a batch that has ended, likewise."""
        answer = await self._hooks.call_async("deliver_lines", event=event, lines=lines)
        if answer is not None:
            raise self._hooks.refused("deliver_lines", "None", answer)
