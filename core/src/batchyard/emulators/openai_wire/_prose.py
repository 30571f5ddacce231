"""What the emulated model says: an answer of the kind that the prompt asks for."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable

from batchyard.emulators.openai_wire._words import (
    NAMES,
    keywords,
    sentence,
    sentiment,
    value_for,
)

_SUM = re.compile(r"(\d{1,9})\s*([-+*x/])\s*(\d{1,9})")
_OPTIONS = re.compile(
    r"(?:one of|either|as|into|among|between|labels?|categories|classes|options)"
    r"(?: the following)?(?: \w+)?:?\s+"
    r"((?:['\"]?[A-Za-z_-]{2,20}['\"]?(?:\s*,\s*(?:or |and )?|\s*/\s*|\s*\|\s*|\s+or\s+|\s+and\s+))"
    r"+['\"]?[A-Za-z_-]{2,20}['\"]?)"
)
_SEPARATORS = re.compile(r"\s*(?:,\s*(?:or|and)\s+|,|/|\||\s+or\s+|\s+and\s+)\s*")
_KEYS = re.compile(r"[\"'](\w{2,30})[\"']\s*(?::|,|\band\b|\bor\b|$)")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")
_NUMBER = re.compile(r"\b\d[\d.,]*\b")
_PROPER = re.compile(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)+\b")


def compose(prompt: str, subject: str, rng: random.Random) -> str:
    """An answer to `prompt` (all of it) about `subject` (what the user said last)."""
    lowered = prompt[-8000:].lower()
    for sign, answer in _KINDS:
        if sign in lowered and (text := answer(prompt, subject, rng)):
            return text
    return _arithmetic(subject) or " ".join(
        sentence(rng, subject) for _ in range(rng.randint(1, 3))
    )


def compose_json(prompt: str, subject: str, rng: random.Random) -> str:
    """An object with the keys that the prompt names, or a plain answer under `answer`."""
    keys = list(dict.fromkeys(_KEYS.findall(prompt[-8000:])))[:12] or ["answer"]
    return json.dumps({key: value_for(key, rng, subject.lower()) for key in keys})


def _arithmetic(subject: str) -> str:
    found = _SUM.search(subject)
    if not found:
        return ""
    left, right = int(found[1]), int(found[3])
    if found[2] == "/":
        return str(left // right) if right and left % right == 0 else ""
    return str({"+": left + right, "-": left - right}.get(found[2], left * right))


def _classify(prompt: str, subject: str, rng: random.Random) -> str:
    found = _OPTIONS.search(prompt)
    if not found:
        return sentiment(subject, rng) if "sentiment" in prompt.lower() else ""
    options = [option.strip("'\" ") for option in _SEPARATORS.split(found[1])]
    if {"positive", "negative"} <= {option.lower() for option in options}:
        mood = sentiment(subject, rng)
        return next((option for option in options if option.lower() == mood), options[0])
    rest = subject.replace(found[1], " ").lower()
    spoken = [option for option in options if option.lower() in rest]
    return rng.choice(spoken or options)


def _sentiment(_prompt: str, subject: str, rng: random.Random) -> str:
    return sentiment(subject, rng)


def _summary(_prompt: str, subject: str, rng: random.Random) -> str:
    words = max(subject.split("\n"), key=len).split()
    if len(words) < 12:
        return sentence(rng, subject)
    size = min(len(words), rng.randint(12, 24))
    return " ".join(words[:size]).rstrip(".,;:") + ". " + sentence(rng, subject)


def _extract(_prompt: str, subject: str, rng: random.Random) -> str:
    facts = {
        "Name": _PROPER.findall(subject) or [rng.choice(NAMES)],
        "Email": _EMAIL.findall(subject),
        "Number": _NUMBER.findall(subject),
        "Topic": keywords(subject)[:1],
    }
    return "\n".join(f"{key}: {values[0]}" for key, values in facts.items() if values)


def _json(prompt: str, subject: str, rng: random.Random) -> str:
    return compose_json(prompt, subject, rng)


_KINDS: tuple[tuple[str, Callable[[str, str, random.Random], str]], ...] = (
    ("json", _json),
    ("classify", _classify),
    ("categor", _classify),
    ("one of", _classify),
    ("sentiment", _classify),
    ("sentiment", _sentiment),
    ("summar", _summary),
    ("extract", _extract),
)
