"""The emulated model's stock of words: short, plausible and varied."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

NAMES = ("Ada Keller", "Jonas Weber", "Priya Nair", "Marta Silva", "Tom Okafor", "Lena Novak")
CITIES = ("Lisbon", "Hamburg", "Nairobi", "Osaka", "Toronto", "Valencia")
PRODUCTS = ("wireless headphones", "office chair", "espresso machine", "travel backpack")
LABELS = ("billing", "technical", "shipping", "account", "feedback")
OPENINGS = (
    "In short,",
    "The main point is that",
    "Broadly speaking,",
    "On balance,",
    "The short answer is that",
    "It depends, but usually",
)
MIDDLES = (
    "{a} matters more than {b}",
    "{a} and {b} go hand in hand",
    "it helps to look at {a} before {b}",
    "{a} explains most of what is asked about {b}",
    "one should start from {a} and treat {b} as a detail",
)
CLOSINGS = (
    "That holds in most practical cases.",
    "A small example makes this clear quickly.",
    "Exceptions exist, yet they are rare.",
    "If the circumstances change, it is worth checking again.",
    "Further detail can be added where needed.",
)
_STOP_WORDS = (
    "about after again also because been before being between both could does doing down during "
    "each from have having here into itself just more most only other over please same should "
    "some such than that their them then there these they this those through under until very "
    "were what when where which while will with would your write answer give following "
    "assistant helpful"
)
_STOP = frozenset(_STOP_WORDS.split())
_WORD = re.compile(r"[^\W\d_]{4,}")
_GOOD = re.compile(
    r"\b(love|great|excellent|good|happy|perfect|amazing|recommend|thank|wonderful|fast|nice|best)"
)
_BAD = re.compile(
    r"\b(hate|bad|terrible|broken|refund|awful|worst|slow|disappoint|poor|never|late|angry|rude)"
)


def keywords(text: str) -> list[str]:
    """Distinct words that carry meaning, in order."""
    found = (word.lower() for word in _WORD.findall(text[-4000:]))
    return list(dict.fromkeys(word for word in found if word not in _STOP))


def sentiment(text: str, rng: random.Random) -> str:
    lowered = text.lower()
    score = len(_GOOD.findall(lowered)) - len(_BAD.findall(lowered))
    if score == 0:
        return rng.choice(("neutral", "neutral", "positive", "negative"))
    return "positive" if score > 0 else "negative"


def value_for(name: str, rng: random.Random, text: str) -> str:
    """A string that a field of this name could hold."""
    lowered = name.lower()
    for fragment, make in _FIELDS.items():
        if fragment in lowered:
            return make(rng, text)
    found = keywords(text)
    return " ".join(rng.sample(found, min(3, len(found)))) or "unknown"


def sentence(rng: random.Random, text: str) -> str:
    found = [*keywords(text), "context", "detail"]
    first, second = rng.sample(found, 2) if len(found) > 2 else found[:2]
    middle = rng.choice(MIDDLES).format(a=first, b=second)
    return f"{rng.choice(OPENINGS)} {middle}. {rng.choice(CLOSINGS)}"


_FIELDS: dict[str, Callable[[random.Random, str], str]] = {
    "sentiment": lambda rng, text: sentiment(text, rng),
    "email": lambda rng, _: rng.choice(NAMES).lower().replace(" ", ".") + "@example.com",
    "name": lambda rng, _: rng.choice(NAMES),
    "author": lambda rng, _: rng.choice(NAMES),
    "person": lambda rng, _: rng.choice(NAMES),
    "city": lambda rng, _: rng.choice(CITIES),
    "location": lambda rng, _: rng.choice(CITIES),
    "country": lambda rng, _: rng.choice(("Portugal", "Germany", "Kenya", "Japan", "Canada")),
    "date": lambda rng, _: f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
    "product": lambda rng, _: rng.choice(PRODUCTS),
    "currency": lambda rng, _: rng.choice(("EUR", "USD", "GBP")),
    "price": lambda rng, _: f"{rng.randint(5, 400)}.{rng.choice(('00', '50', '99'))}",
    "label": lambda rng, _: rng.choice(LABELS),
    "category": lambda rng, _: rng.choice(LABELS),
    "topic": lambda rng, _: rng.choice(LABELS),
    "priority": lambda rng, _: rng.choice(("low", "medium", "high")),
    "phone": lambda rng, _: f"+49 30 555 {rng.randint(1000, 9999)}",
    "url": lambda rng, _: f"https://www.example.com/{rng.randint(100, 999)}",
    "language": lambda rng, _: rng.choice(("en", "de", "fr")),
    "summary": sentence,
    "reason": sentence,
    "explanation": sentence,
    "answer": sentence,
}
