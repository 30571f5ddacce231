"""Input lines: requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

__all__ = ["InputLine", "decode_input"]

T = TypeVar("T")


class InputLine(msgspec.Struct, frozen=True, gc=False):
    """A request as it stands in an input file.  ``body`` is JSON that has not been decoded."""

    custom_id: str
    method: str
    url: str
    body: msgspec.Raw

    @property
    def request(self) -> dict[str, Any]:
        """The body, decoded at each access.  Raises :class:`msgspec.DecodeError`."""
        return _guarded(_decode_request, self.body)


def decode_input(data: bytes) -> InputLine:
    """Raises :class:`msgspec.DecodeError` for whatever is wrong with the line."""
    return _guarded(_decode_line, data)


_decode_line = msgspec.json.Decoder(InputLine).decode
_decode_request = msgspec.json.Decoder(dict[str, Any]).decode


def _guarded(decode: Callable[[bytes | msgspec.Raw], T], data: bytes | msgspec.Raw) -> T:
    try:
        return decode(data)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error
