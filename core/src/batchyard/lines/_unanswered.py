"""What is said of lines that no result came for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from batchyard.lines._results import ResultError
from batchyard.models import BatchError, Outcome

__all__ = [
    "NEVER_RUN",
    "NO_RESULT",
    "TWICE",
    "UNREADABLE",
    "refusal_of",
    "result_without_response",
]

NO_RESULT = ResultError("missing", "The provider returned no result.", 0)

NEVER_RUN: Mapping[str, tuple[Outcome, ResultError]] = {
    "expired": (
        "expired",
        ResultError(
            "batch_expired",
            "This request could not be executed before the completion window expired.",
            0,
        ),
    ),
    "cancelled": (
        "cancelled",
        ResultError(
            "batch_cancelled",
            "This request was not executed because the batch was cancelled.",
            0,
        ),
    ),
}
"""What became of a line that a batch of that status has no result for."""

TWICE = ResultError(
    "duplicate_custom_id",
    "The input has this custom_id more than once, so no result can be told its.",
    0,
)

UNREADABLE = ResultError("invalid_json_line", "The line is not a request.", 0)


def refusal_of(of_line: BatchError | None, errors: Sequence[BatchError]) -> ResultError:
    """What a failed batch says of a line or, where it says nothing of it, of itself."""
    if of_line is not None:
        message = of_line.message or "The line was refused."
        return ResultError(of_line.code or "batch_failed", message, 0)
    first = f": {errors[0].message}" if errors and errors[0].message else ""
    return ResultError("batch_failed", f"The batch was refused as a whole{first}", 0)


def result_without_response(
    custom_id: str | None, reason: ResultError, param: str | None = None
) -> bytes:
    """The result line of a request that was not carried out, without its line end."""
    error = {"code": reason.code, "message": reason.message}
    if param is not None:
        error["param"] = param
    line = {"id": None, "custom_id": custom_id, "response": None, "error": error}
    try:
        return json.dumps(line, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # half a surrogate pair can only be written as an escape
        return json.dumps(line).encode()
