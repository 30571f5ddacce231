"""Why a line of OpenAI's cannot become one of Gemini's."""

from __future__ import annotations

from typing import Any

__all__ = ["LineRefusedError", "RowRefusedError"]


class LineRefusedError(Exception):
    """Nothing of Vertex's does what the line asks for: its file is refused, before it is sent."""

    def __init__(self, message: str, param: str | None = None, code: str = "unsupported") -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


class RowRefusedError(Exception):
    """The line asks for what OpenAI's endpoint refuses too: it fails alone, in the error file."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.error: dict[str, Any] = {
            "message": message,
            "type": "invalid_request_error",
            "param": param,
            "code": None,
        }
