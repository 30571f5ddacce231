"""Loggers as people have them: classes that know no LiteLLM, an instance, functions."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

CALLS: list[tuple[str, dict[str, Any], Any, datetime, datetime]] = []
"""What was told: form, kwargs, response_obj, start and end."""

LITELLM = logging.getLogger("LiteLLM")


class Async:
    """Has the async forms, and LiteLLM calls no other then."""

    def __init__(self, prefix: str = "async") -> None:
        self.prefix = prefix

    def log_success_event(self, *_: Any) -> None:
        raise AssertionError("it is not for this one")

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        CALLS.append((f"{self.prefix} success", kwargs, response_obj, start_time, end_time))

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        CALLS.append((f"{self.prefix} failure", kwargs, response_obj, start_time, end_time))


class Sync:
    def log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        CALLS.append(("success", kwargs, response_obj, start_time, end_time))

    def log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
    ) -> None:
        CALLS.append(("failure", kwargs, response_obj, start_time, end_time))


instance = Sync()


def function(
    kwargs: dict[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
) -> None:
    CALLS.append(("function", kwargs, response_obj, start_time, end_time))


async def async_function(
    kwargs: dict[str, Any], response_obj: Any, start_time: datetime, end_time: datetime
) -> None:
    CALLS.append(("async function", kwargs, response_obj, start_time, end_time))


class Swallowing:
    """Lets no error out, as LiteLLM's own do not."""

    async def async_log_success_event(self, *_: Any) -> None:
        try:
            raise ConnectionError("CANARY-in-an-error")
        except ConnectionError:
            LITELLM.exception("Some Layer Error - %s", "CANARY-in-an-error")


class Collecting:
    """Sends what it has collected, when it is told to, unless it is down."""

    def __init__(self) -> None:
        self.log_queue: list[Any] = []
        self.sent: list[Any] = []
        self.down = False

    async def async_log_success_event(self, kwargs: dict[str, Any], *_: Any) -> None:
        self.log_queue.append(kwargs["standard_logging_object"]["id"])

    async def flush_queue(self) -> None:
        if not self.down:
            self.sent += self.log_queue
            self.log_queue.clear()


collecting = Collecting()
