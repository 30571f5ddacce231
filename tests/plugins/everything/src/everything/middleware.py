from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar

from batchyard.effects import Now, Plan
from batchyard.hookspecs import hookimpl
from batchyard.models import Batch, BatchRequest


class Timing:
    timed: ClassVar[list[str]] = []

    @hookimpl(wrapper=True)
    def create_batch(self, batch: BatchRequest) -> Generator[None, Plan[Batch], Plan[Batch]]:
        plan = yield
        return self._timed(plan, batch.endpoint)

    async def _timed(self, plan: Plan[Batch], endpoint: str) -> Any:
        began = await Now()
        made = await plan
        took = await Now() - began
        self.timed.append(f"{made.id} of {endpoint} took {'some' if took >= 0 else 'less'} time")
        return made
