"""What the clients' methods have in common: how their arguments become the contract's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from batchyard.errors import InputError
from batchyard.models import Batch, Call, ExpiresAfter, FileObject, PageRequest, Ref

__all__ = ["CallOptions", "call_of", "check_call", "expires_of", "page_of", "ref_of"]

KNOWN = frozenset({"timeout", "max_retries", "extra_headers", "extra_body"})


@dataclass(frozen=True, slots=True)
class CallOptions:
    """A client's defaults for every call."""

    timeout: float | None
    max_retries: int


def call_of(
    account: str, defaults: CallOptions, options: Mapping[str, Any], marker: str | None = None
) -> Call:
    """The context of one call.  Raises :class:`InputError` for an option that there is not."""
    check_call(options)
    retries = options.get("max_retries")
    return Call(
        account=account,
        request_id=uuid4().hex,
        timeout=options.get("timeout") or defaults.timeout,
        max_retries=defaults.max_retries if retries is None else retries,
        extra_headers=options.get("extra_headers") or {},
        extra_body=options.get("extra_body") or {},
        marker=marker,
    )


def check_call(options: Mapping[str, Any]) -> None:
    """Raise :class:`InputError` for what is no option of a call, or cannot be its value."""
    unknown = sorted(set(options) - KNOWN)
    if unknown:
        raise InputError(
            f"there is no option {unknown[0]!r}; known: {', '.join(sorted(KNOWN))}",
            param=unknown[0],
        )
    _check_number("timeout", options.get("timeout"), 0)
    _check_number("max_retries", options.get("max_retries"), 0)


def page_of(
    after: str | None,
    limit: int | None,
    order: Literal["asc", "desc"] | None = None,
    purpose: str | None = None,
) -> PageRequest:
    """Which page is asked for.  Raises :class:`InputError` for a page of nothing."""
    _check_number("limit", limit, 1)
    return PageRequest(after, limit, order, purpose)


def _check_number(name: str, value: object, least: float) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise InputError(f"{name} must be a number of {least} or more, not {value!r}", param=name)


def expires_of(value: ExpiresAfter | Mapping[str, Any] | int | None) -> ExpiresAfter | None:
    """Seconds, or OpenAI's object, as ours."""
    if value is None or isinstance(value, ExpiresAfter):
        return value
    if isinstance(value, Mapping):
        if value.get("anchor", "created_at") != "created_at":
            raise InputError(
                "expires_after has only the anchor 'created_at'", param="expires_after"
            )
        value = value.get("seconds")
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError("expires_after needs a whole number of seconds", param="expires_after")
    return ExpiresAfter(value)


def ref_of(value: str | FileObject | Batch) -> Ref:
    """An id, or the object that has it, with what the provider needs to find its way back."""
    if isinstance(value, FileObject | Batch):
        return Ref(value.id, value.provider_state)
    if not isinstance(value, str):
        raise InputError(f"an id is a string, not {type(value).__name__}")
    if not value:
        raise InputError("the id is empty")
    return Ref(value)
