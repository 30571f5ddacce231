"""The gate ``redact``: takes out of texts what is not to leave the house.

Needs ``pip install 'batchyard[redact]'``: patterns are matched by RE2, which takes
time in proportion to the text, whatever the pattern and the text.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from batchyard.errors import ConfigError
from batchyard.gates._known import KNOWN
from batchyard.gates._requests import request_of
from batchyard.hookspecs import GateLine, Verdict, hookimpl

__all__ = ["Redact", "RedactSettings"]

LONGEST, MOST = 1000, 100
"""Characters of a pattern, and patterns."""

MEDIA = re.compile(
    r"data:[a-z]+/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*;base64,[A-Za-z0-9+/]+={0,2}", re.ASCII
)
"""All of a text that is media: what looks like a number in it is none.

No part of it can be read in two ways, so that it takes linear time.
"""


class RedactSettings(BaseModel):
    """What is to be taken out, and what is written in its place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patterns: tuple[str, ...] = Field(
        default=(), description=f"patterns that come along: {', '.join(KNOWN)}"
    )
    own: dict[str, str] = Field(
        default={}, max_length=MOST, description="further ones by name, as RE2 writes them"
    )
    replacement: str = Field(
        default="[{name}]",
        max_length=200,
        description="what is written instead; {name} is the pattern's name",
    )
    refuse: tuple[str, ...] = Field(
        default=(), description="patterns for which a line is refused rather than rewritten"
    )


class Redact:
    """Rewrites lines; what is not text (models, encoded media) is left as it is."""

    Settings = RedactSettings

    def __init__(self, settings: RedactSettings) -> None:
        chosen = _chosen(settings)
        self._names = tuple(chosen)
        self._checks = [KNOWN[name].check if name not in settings.own else None for name in chosen]
        self._pattern = _compiled(chosen)
        self._refuse = frozenset(settings.refuse)
        self._replacements = [
            settings.replacement.replace("{name}", name).encode() for name in chosen
        ]

    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        return [self._verdict(line) for line in lines]

    def _verdict(self, line: GateLine) -> Verdict:
        request = request_of(line)
        if isinstance(request, Verdict):
            return request
        found: Counter[str] = Counter()
        body = request["body"]
        request["body"] = {
            name: value if name == "model" else self._cleaned(value, found)
            for name, value in body.items()
        }
        if not found:
            return Verdict.keep()
        refused = sorted(self._refuse & found.keys())
        if refused:
            count = found[refused[0]]
            return Verdict.refuse(
                f"contains_{refused[0]}",
                f"The line has {count} {'text' if count == 1 else 'texts'} of the kind "
                f"{refused[0]!r}, which must not be sent.",
                "body",
            )
        return Verdict.rewrite(json.dumps(request, allow_nan=False).encode(), dict(found))

    def _cleaned(self, value: Any, found: Counter[str]) -> Any:
        if isinstance(value, str):
            return self._text(value, found)
        if isinstance(value, list):
            return [self._cleaned(one, found) for one in value]
        if isinstance(value, dict):
            return {name: self._cleaned(one, found) for name, one in value.items()}
        return value

    def _text(self, text: str, found: Counter[str]) -> str:
        if MEDIA.fullmatch(text):
            return text
        data = text.encode("utf-8", "replace")
        pieces: list[bytes] = []
        place = 0
        for match in self._pattern.finditer(data):
            number = int(match.lastgroup.removeprefix("p"))
            check = self._checks[number]
            size = match.end() - match.start() if check is None else check(match.group(0))
            if not size:
                continue
            found[self._names[number]] += 1
            pieces += [data[place : match.start()], self._replacements[number]]
            place = match.start() + size
        if not pieces:
            return text
        return b"".join([*pieces, data[place:]]).decode("utf-8", "replace")


def _chosen(settings: RedactSettings) -> Mapping[str, str]:
    """The patterns by name; those of one's own count first.  Raises :class:`ConfigError`."""
    for name in settings.patterns:
        if name not in KNOWN:
            raise ConfigError(
                f"there is no pattern {name!r}; patterns: {', '.join(KNOWN)}", param="patterns"
            )
    chosen = {**settings.own}
    for name in settings.patterns:
        chosen.setdefault(name, KNOWN[name].pattern)
    if not chosen:
        raise ConfigError("nothing is to be redacted: name patterns", param="patterns")
    for name in settings.refuse:
        if name not in chosen:
            raise ConfigError(
                f"{name!r} is refused, and is no pattern of this gate", param="refuse"
            )
    return chosen


def _compiled(patterns: Mapping[str, str]) -> Any:
    """All of them as one, whose groups tell them apart."""
    try:
        re2: Any = import_module("re2")
    except ImportError:
        raise ConfigError(
            "the gate redact needs a package of its own: pip install 'batchyard[redact]'"
        ) from None
    options = re2.Options()
    options.log_errors = False
    for name, pattern in patterns.items():
        fault = _fault_of(re2, pattern, options)
        if fault is not None:
            raise ConfigError(f"the pattern {name!r} cannot be used: {fault}", param=f"own.{name}")
    # groups within a pattern would hide which of them it is
    whole = "|".join(f"(?P<p{number}>{one})" for number, one in enumerate(patterns.values()))
    return re2.compile(whole, options)


def _fault_of(re2: Any, pattern: str, options: Any) -> str | None:
    if len(pattern) > LONGEST:
        return f"it has more than {LONGEST} characters"
    try:
        made = re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else error
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if made.groups:
        return "write its groups as (?:…)"
    return "it matches nothing at all, too" if made.search(b"") else None
