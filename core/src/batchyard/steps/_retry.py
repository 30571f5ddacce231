"""When to try again: the one place that decides."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from batchyard.effects import Now, Plan, Sleep
from batchyard.errors import (
    AmbiguousCreateError,
    APIConnectionError,
    APIStatusError,
    BatchyardError,
    ConflictError,
    ConnectionRefusedByPeerError,
    InternalServerError,
    MalformedReplyError,
    RateLimitError,
)

__all__ = ["Backoff", "ambiguous", "create_once", "retrying"]

T = TypeVar("T")

AMBIGUITY = 60.0
"""Seconds after a send for which what it may have made is looked for, at least."""

LOOK_UP_EVERY = 10.0
"""The longest pause between two look-ups, in seconds."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how long to wait.

    The wait is what the service asks for; a request to wait longer than
    ``patience`` seconds is not obeyed but raised.  Without one it is random
    between 0 and ``first`` · 2ⁿ, ``cap`` at most (full jitter).
    """

    retries: int = 2
    first: float = 0.5
    cap: float = 8.0
    patience: float = 120.0

    def wait(self, attempt: int, error: BatchyardError) -> float | None:
        """Seconds to wait before attempt number *attempt* + 1, or ``None`` to give up."""
        if attempt >= self.retries or not error.retryable:
            return None
        if error.retry_after:
            return error.retry_after if error.retry_after <= self.patience else None
        return random.uniform(0, min(self.cap, self.first * 2**attempt))  # noqa: S311 - no secret


async def retrying(attempt: Callable[[], Plan[T]], backoff: Backoff) -> T:
    """Make the plan anew until it succeeds, fails for good, or runs out of attempts.

    For what may be carried out twice without harm; see :func:`create_once` for the rest.
    """
    number = 0
    while True:
        try:
            return await attempt()
        except BatchyardError as error:
            wait = backoff.wait(number, error)
            if wait is None:
                raise
        await Sleep(wait)
        number += 1


def ambiguous(error: BatchyardError) -> bool:
    """Whether the service may have carried out what it answered with *error*."""
    if isinstance(error, ConnectionRefusedByPeerError):
        return False
    return isinstance(
        error, APIConnectionError | ConflictError | InternalServerError | MalformedReplyError
    )


async def create_once(
    send: Callable[[], Plan[T]],
    find: Callable[[float], Plan[T | None]],
    backoff: Backoff,
    window: float = AMBIGUITY,
) -> T:
    """Create something that must not be made twice, by a service that keeps no idempotency key.

    What was surely not carried out (no connection, a retryable 429) is sent
    again.  After anything ambiguous, ``find(since)`` is asked for what the send
    left behind, again and again until *window* seconds after that send, and only
    then is it sent again.  ``since`` is the Unix time of the first send.

    Raises :class:`AmbiguousCreateError` when the look-ups themselves fail, so
    that nobody can tell.
    """
    first = await Now()
    number = 0
    while True:
        sent = await Now()
        try:
            return await send()
        except BatchyardError as error:
            if ambiguous(error):
                found = await _look_up(lambda: find(first), sent + window, error)
                if found is not None:
                    return found
                elapsed = await Now() - sent
                wait = _rest(backoff, number, error, elapsed)
            else:
                certain = isinstance(error, ConnectionRefusedByPeerError | RateLimitError)
                wait = backoff.wait(number, error) if certain else None
            if wait is None:
                raise
        await Sleep(wait)
        number += 1


def _rest(backoff: Backoff, number: int, error: BatchyardError, elapsed: float) -> float | None:
    """What is left to wait after the look-ups, or ``None`` to give up."""
    forbidden = isinstance(error, APIStatusError) and not error.retryable
    asked = error.retry_after or 0.0
    if number >= backoff.retries or forbidden or asked > backoff.patience:
        return None
    return max(0.0, asked - elapsed)


async def _look_up(
    find: Callable[[], Plan[T | None]], deadline: float, cause: BatchyardError
) -> T | None:
    """Ask until something is found or the deadline has passed; the last answer must be sure."""
    pause = 1.0
    while True:
        unsure: BatchyardError | None = None
        try:
            found = await find()
        except BatchyardError as error:
            unsure = error
        else:
            if found is not None:
                return found
        left = deadline - await Now()
        if left <= 0:
            break
        await Sleep(min(pause, left))
        pause = min(pause * 2, LOOK_UP_EVERY)
    if unsure is not None:
        raise AmbiguousCreateError(
            f"the create may have been carried out: {cause.message}; looking for it failed too: "
            f"{unsure.message}",
            status=cause.status,
            request_id=cause.request_id,
        ) from cause
    return None
