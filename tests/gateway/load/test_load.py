from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.load.harness import Load, carry_out


@pytest.mark.slow
def test_two_hundred_clients_for_minutes_find_no_fault_of_ours(tmp_path: Path) -> None:
    figures = carry_out(Load(tmp_path, seconds=150))
    figures.check()
    assert figures.percentile("read", 50) > 0
