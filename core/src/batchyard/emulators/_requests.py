from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_SECRET_HEADERS = frozenset(
    {"authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization"}
)
_SECRET_QUERY = re.compile(r"(?i)\b(key|api[_-]key|sig|signature|access_token)=[^&]+")


@dataclass(slots=True)
class RequestRecord:
    """One request as the emulator saw it. Credentials are redacted on arrival."""

    at: float
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body_bytes: int = 0
    status: int | None = None
    """None while no reply has been sent, and for ever if it was lost."""


class RequestLog:
    """The latest requests, oldest first; earlier ones are forgotten."""

    def __init__(self, limit: int = 10_000) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=limit)

    def add(self, record: RequestRecord) -> None:
        self._records.append(record)

    def matching(self, method: str, path: str) -> list[RequestRecord]:
        """Those with this method and a path matching the pattern (see `path_pattern`)."""
        pattern = path_pattern(path)
        return [r for r in self if r.method == method.upper() and pattern.fullmatch(r.path)]

    def clear(self) -> None:
        self._records.clear()

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)


def path_pattern(text: str) -> re.Pattern[str]:
    """A glob over paths: `*` is one segment or a part of it, `**` is anything."""
    pieces = re.split(r"(\*\*|\*)", text)
    wild = {"**": ".*", "*": "[^/]*"}
    return re.compile("".join(wild.get(piece, re.escape(piece)) for piece in pieces))


def redacted_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {
        name: _redacted(value) if name in _SECRET_HEADERS else value
        for name, value in ((n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in headers)
    }


def redacted_query(query: bytes) -> str:
    return _SECRET_QUERY.sub(r"\1=…", query.decode("latin-1"))


def _redacted(value: str) -> str:
    """The scheme and, of a long credential, the last four characters: enough to tell keys apart."""
    scheme, space, credential = value.rpartition(" ")
    return f"{scheme}{space}…{credential[-4:] if len(credential) >= 16 else ''}"
