"""What a gate may make of a line."""

from __future__ import annotations

import msgspec

from batchyard.lines import check_source, decode_input
from batchyard.steps import BytesSource

__all__ = ["fault_of"]


def fault_of(before: bytes, after: bytes) -> str | None:
    """What is wrong with a line that was rewritten, if anything is.

    It must be one line, a valid one, of the same ``custom_id`` and to the same endpoint.
    """
    if not after:
        return "it is no JSON, as bytes."
    if b"\n" in after or b"\r" in after:
        return "it is more than one line. Write its JSON without line breaks."
    check = check_source(BytesSource(after))
    return check.problems[0].message if check.problem_count else _other(before, after)


def _other(before: bytes, after: bytes) -> str | None:
    """What must be the same, and is not."""
    try:
        old, new = decode_input(before), decode_input(after)
    except msgspec.DecodeError as error:
        return f"it cannot be compared with what it was: {error}."
    if new.custom_id != old.custom_id:
        return "its `custom_id` is another one. Leave it as it is."
    if new.url != old.url:
        return f"its `url` is {new.url}, and was {old.url}. Leave it as it is."
    return None
