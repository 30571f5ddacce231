"""By which names a model's price is looked for."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["fine_tuned", "names"]

PATH = re.compile(r"^(?:.*/)?models/(?=[^/]+$)")
"""Where providers keep a model: ``models/X``, ``publishers/P/models/X``."""

DATE = re.compile(r"-\d{4}-\d{2}-\d{2}")

FINE_TUNED = "ft:"


def names(model: str | None, requested: str | None, families: Mapping[str, str]) -> tuple[str, ...]:
    """The name as it is, then without its path, then the family's, most exact first.

    *families* has the family of each dated name that is known.  A dated name
    that is not counts as what was *requested*, if that is the same without the
    date: nothing else is taken off a name, since other names have other prices.
    A fine-tuned model ``ft:BASE:…`` is known by its own name and as ``ft:BASE``,
    and never by its base model's.
    """
    if not model:
        return ()
    plain = PATH.sub("", model)
    found = [model, plain]
    if fine_tuned(plain):
        found.append(":".join(plain.split(":")[:2]))
    elif plain in families:
        found.append(families[plain])
    elif requested and _is_dated(plain, PATH.sub("", requested)):
        found.append(PATH.sub("", requested))
    return tuple(dict.fromkeys(found))


def fine_tuned(model: str) -> bool:
    return model.startswith(FINE_TUNED)


def _is_dated(model: str, family: str) -> bool:
    return model.startswith(family) and DATE.fullmatch(model[len(family) :]) is not None
