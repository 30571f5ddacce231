"""What Google's models differ in, as far as requests show it (Vertex AI, model pages)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Traits", "publisher_of", "traits_of"]

_GEMINI = re.compile(r"gemini-(\d{1,2})(?:\.(\d{1,2}))?(?:-(.*))?")
_PUBLISHER = re.compile(r"(?:.*/)?publishers/([^/]+)/models/.+")


@dataclass(frozen=True, slots=True)
class Traits:
    """``thinking`` is how a model is told how much to think: by a level, a budget, or ``none``."""

    thinking: str = "budget"
    signed: bool = False
    penalties: bool = True
    part_resolution: bool = False
    flash: bool = False
    lite: bool = False
    pro: bool = False
    first_of_three: bool = False


@lru_cache(maxsize=256)
def traits_of(model: str) -> Traits:
    """Of a name of Vertex's.  Of a tuned model, whose name says nothing, the usual ones."""
    found = _GEMINI.fullmatch(model.rpartition("/")[2].partition("@")[0])
    if found is None:
        return Traits()
    major, minor, rest = int(found[1]), int(found[2] or 0), found[3] or ""
    third = major >= 3
    by_budget = "budget" if (major, minor) >= (2, 5) else "none"
    return Traits(
        thinking="level" if third else by_budget,
        signed=third,
        penalties=not third,
        part_resolution=third,
        flash="flash" in rest,
        lite="lite" in rest,
        pro="pro" in rest,
        first_of_three=(major, minor) == (3, 0),
    )


def publisher_of(model: str) -> str:
    """Whose model it is, by its name: ``google``, unless the name says otherwise."""
    found = _PUBLISHER.fullmatch(model)
    if found is not None:
        return found[1]
    owner, _, name = model.removeprefix("vertex_ai/").rpartition("/")
    if owner in {"anthropic", "meta", "openai", "qwen", "deepseek-ai", "mistralai", "intfloat"}:
        return owner
    return "anthropic" if name.startswith("claude-") else "google"
