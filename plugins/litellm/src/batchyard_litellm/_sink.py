"""The sink: a logger behind durable delivery."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, Secret

from batchyard.hookspecs import hookimpl
from batchyard.models import Event
from batchyard_litellm._calling import Caller
from batchyard_litellm._calls import call_of, is_told
from batchyard_litellm._loading import found, made
from batchyard_litellm._threads import Threads

__all__ = ["LiteLLM", "LiteLLMSettings"]


class LiteLLMSettings(BaseModel):
    """Which logger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    callback: str = Field(
        min_length=1,
        description="package.module.Class, package.module.instance, or the name of one of "
        "LiteLLM's own, such as langsmith",
    )
    # any of them may be a key
    arguments: dict[str, Secret[Any]] = Field(
        default_factory=dict, description="what the class is made with"
    )
    strict: bool = Field(
        default=True,
        description="whether an error that LiteLLM logs while it is told of an event has the event "
        "delivered again",
    )


class LiteLLM:
    """Calls the logger for each event that LiteLLM has a word for.

    The logger is made when the first event comes.  One that is not async is
    called in a thread of its own.
    """

    contract: ClassVar[str] = ">=1.1,<2"
    Settings = LiteLLMSettings

    def __init__(self, settings: LiteLLMSettings) -> None:
        self._settings = settings
        self._threads = Threads()
        self._importing = threading.Lock()
        self._what: Any = None
        self._caller: Caller | None = None

    @hookimpl
    async def deliver(self, event: Event) -> None:
        if not is_told(event):
            return
        if self._what is None:
            # importing LiteLLM takes seconds, for which no event loop must wait
            await self._threads.run(self._import)
        if self._caller is None:
            arguments = self._settings.arguments.items()
            logger = made(self._what, {name: one.get_secret_value() for name, one in arguments})
            self._caller = Caller(logger, self._threads, strict=self._settings.strict)
        # not before: the batch is an object of LiteLLM's own once that has been imported
        call = call_of(event)
        if call is not None:
            await self._caller.tell(call)

    def _import(self) -> None:
        with self._importing:
            if self._what is None:
                self._what = found(self._settings.callback)
