"""Google's refusals."""

from __future__ import annotations

from typing import Any

__all__ = ["ApiError", "envelope"]

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class ApiError(Exception):
    """A refusal; *reason* is Cloud Storage's word for it, where the refusal is of that kind."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: str | None = None,
        reason: str | None = None,
        details: list[dict[str, object]] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.reason = reason
        self.details = details

    @property
    def document(self) -> dict[str, Any]:
        if self.reason is None:
            whole = envelope(self.code, self.message, self.status)
            if self.details:
                whole["error"]["details"] = self.details
            return whole
        first = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.code, "message": self.message, "errors": [first]}}


def envelope(code: int, message: str, status: str | None = None) -> dict[str, Any]:
    name = status or _STATUSES.get(code, "INTERNAL" if code >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": code, "message": message, "status": name}}
