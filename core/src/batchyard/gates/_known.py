"""Patterns for redaction that come along, with what tells a chance match from the real thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

__all__ = ["KNOWN", "Known"]


@dataclass(frozen=True, slots=True)
class Known:
    """A pattern as RE2 writes them.

    ``check`` is asked how many bytes at the beginning of a match are the real thing.
    """

    pattern: str
    check: Callable[[bytes], int] | None = None


def _beginnings(match: bytes) -> Iterator[bytes]:
    """The match, then what it has before each of its gaps: its neighbour may look alike."""
    yield match
    for end in range(len(match) - 1, 0, -1):
        if match[end : end + 1] in {b" ", b"-"}:
            yield match[:end]


def _card(match: bytes) -> int:
    """Luhn's check digit (ISO/IEC 7812-1)."""
    for text in _beginnings(match):
        digits = [one - ord("0") for one in text if one not in b" -"]
        doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
        total = sum(digits[-1::-2]) + sum(doubled)
        if len(digits) >= 13 and total and total % 10 == 0:
            return len(text)
    return 0


def _iban(match: bytes) -> int:
    """ISO 13616: what it is by 97 leaves 1."""
    for text in _beginnings(match):
        plain = text.replace(b" ", b"").decode()
        turned = plain[4:] + plain[:4]
        if len(plain) >= 15 and int("".join(str(int(one, 36)) for one in turned)) % 97 == 1:
            return len(text)
    return 0


BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

KNOWN: Mapping[str, Known] = {
    "email": Known(r"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+\b"),
    "iban": Known(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", _iban),
    "card": Known(r"\b[0-9](?:[ -]?[0-9]){12,18}\b", _card),
    "phone": Known(
        r"\+[1-9](?:[ ./()-]{0,2}[0-9]){7,14}\b|\(?\b[2-9][0-9]{2}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b"
    ),
    "ssn": Known(r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b"),
    "ipv4": Known(rf"\b{BYTE}(?:\.{BYTE}){{3}}\b"),
    "secret": Known(
        r"\b(?:sk-[A-Za-z0-9_-]{20,200}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,255}"
        r"|xox[abprs]-[A-Za-z0-9-]{10,200}"
        r"|eyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,1000}\.[A-Za-z0-9_-]{10,1000})"
    ),
}
"""By the names that settings have for them; the first that matches a text counts."""
