from __future__ import annotations

from collections.abc import Sequence

from batchyard.hookspecs import GateLine, Verdict, hookimpl
from batchyard.models import BatchRequest


class Gate:
    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        return [
            Verdict.refuse("no_secrets", "No.") if b"secret" in line.data else Verdict.keep()
            for line in lines
        ]

    @hookimpl
    def check_batch(self, batch: BatchRequest) -> Verdict:
        return Verdict.refuse("no_m", "No.") if "m" in batch.models else Verdict.keep()
