from __future__ import annotations

from tests.conftest import LONGEST
from tests.style.repository import ROOT


def test_the_longest_files_of_tests_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / "tests" / name).is_file()] == []
