"""The end-to-end suite that plugin authors get, over the emulators of hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchyard.testing import Emulated, EndToEndSuite

pytestmark = pytest.mark.slow

NO_ROOM = pytest.mark.xfail(
    reason="batches of Together AI have no metadata, and no place for a key"
)


class TestGroq(EndToEndSuite):
    provider = "groq"


class TestPerplexity(EndToEndSuite):
    provider = "perplexity"


class TestTogether(EndToEndSuite):
    provider = "together"

    @NO_ROOM
    def test_another_process_reads_the_results_by_the_batchs_id(self, place: Emulated) -> None:
        super().test_another_process_reads_the_results_by_the_batchs_id(place)

    @NO_ROOM
    def test_the_same_key_is_the_same_batch_for_another_process(self, place: Emulated) -> None:
        super().test_the_same_key_is_the_same_batch_for_another_process(place)

    @pytest.mark.parametrize("mode", [pytest.param("direct", marks=NO_ROOM), "tracked"])
    def test_a_create_whose_reply_is_lost_makes_one_batch(
        self, place: Emulated, mode: str, tmp_path: Path
    ) -> None:
        super().test_a_create_whose_reply_is_lost_makes_one_batch(place, mode, tmp_path)
