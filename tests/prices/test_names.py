from __future__ import annotations

import pytest

from batchyard.prices._book import book
from batchyard.prices._names import names

FAMILIES = {
    "gpt-4.1-mini-2025-04-14": "gpt-4.1-mini",
    "gpt-4o-2024-08-06": "gpt-4o",
    "gemini-2.0-flash-001": "gemini-2.0-flash",
}


@pytest.mark.parametrize(
    ("model", "requested", "wanted"),
    [
        ("gpt-4.1-mini", None, ("gpt-4.1-mini",)),
        ("gpt-4.1-mini-2025-04-14", None, ("gpt-4.1-mini-2025-04-14", "gpt-4.1-mini")),
        ("models/gemini-2.5-flash", None, ("models/gemini-2.5-flash", "gemini-2.5-flash")),
        (
            "publishers/google/models/gemini-2.0-flash-001",
            None,
            (
                "publishers/google/models/gemini-2.0-flash-001",
                "gemini-2.0-flash-001",
                "gemini-2.0-flash",
            ),
        ),
        # a snapshot that is not known is what was asked for, if that is the same without the date
        ("gpt-4.1-mini-2027-01-01", "gpt-4.1-mini", ("gpt-4.1-mini-2027-01-01", "gpt-4.1-mini")),
        ("gpt-4.1-mini-2027-01-01", None, ("gpt-4.1-mini-2027-01-01",)),
        ("gpt-4.1-mini-2027-01-01", "gpt-4.1", ("gpt-4.1-mini-2027-01-01",)),
        ("gpt-4.1-nano-2027-01-01", "gpt-4.1-mini", ("gpt-4.1-nano-2027-01-01",)),
        # of the family, but with a price of its own
        ("gpt-4o-2024-05-13", None, ("gpt-4o-2024-05-13",)),
        ("gpt-4.1-mini-tuned", "gpt-4.1-mini", ("gpt-4.1-mini-tuned",)),
        ("house/model", None, ("house/model",)),
        (
            "ft:gpt-4.1-mini-2025-04-14:acme::abc",
            "gpt-4.1-mini",
            ("ft:gpt-4.1-mini-2025-04-14:acme::abc", "ft:gpt-4.1-mini-2025-04-14"),
        ),
        (None, "gpt-4.1-mini", ()),
        ("", None, ()),
    ],
)
def test_a_model_is_looked_for_by_these_names_in_turn(
    model: str | None, requested: str | None, wanted: tuple[str, ...]
) -> None:
    assert names(model, requested, FAMILIES) == wanted


def test_the_files_families_are_themselves_priced() -> None:
    priced = {model for _, model in book().prices}
    assert set(book().families.values()) <= priced
    assert "gpt-4o-2024-05-13" not in book().families
