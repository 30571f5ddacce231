"""What services mean by their counts, brought to one meaning."""

from __future__ import annotations

import pytest

from batchyard.models import Usage
from batchyard.steps import Standing, normalised


@pytest.mark.parametrize(
    ("cached", "given", "expected"),
    [
        ("inside", Usage(100, 5, cached_tokens=40), Usage(100, 5, cached_tokens=40)),
        ("beside", Usage(60, 5, cached_tokens=40), Usage(100, 5, cached_tokens=40)),
        ("beside", Usage(60, 5, 40, 10), Usage(110, 5, 40, 10)),
        ("beside", Usage(60, 5), Usage(60, 5)),
    ],
)
def test_cached_tokens_are_part_of_the_input(
    cached: Standing, given: Usage, expected: Usage
) -> None:
    assert normalised(given, cached=cached) == expected


def test_reasoning_tokens_are_part_of_the_output() -> None:
    spent = Usage(1, 5, reasoning_tokens=3)
    assert normalised(spent) == spent
    assert normalised(spent, reasoning="beside") == Usage(1, 8, reasoning_tokens=3)


@pytest.mark.parametrize(
    "usage",
    [
        Usage(-1, 5),
        Usage(5, -1),
        Usage(5, 5, cached_tokens=6),
        Usage(5, 5, cached_tokens=3, cache_write_tokens=3),
        Usage(5, 5, cached_tokens=-3),
        Usage(5, 5, reasoning_tokens=6),
        Usage(5, 5, input_audio_tokens=3, input_image_tokens=3),
        Usage(5, 5, output_audio_tokens=6),
        Usage(5, 5, output_image_tokens=6),
    ],
)
def test_counts_that_contradict_each_other_are_unknown_and_no_guess(usage: Usage) -> None:
    assert normalised(usage) == Usage(known=False)


def test_what_is_unknown_stays_somebodys() -> None:
    assert normalised(Usage(-1, model="m", created=7)) == Usage(model="m", created=7, known=False)
    assert normalised(Usage(known=False)) == Usage(known=False)


def test_all_dimensions_at_once_are_kept() -> None:
    usage = Usage(100, 50, 20, 10, 30, 40, 5, 60, 45)
    assert normalised(usage) == usage
