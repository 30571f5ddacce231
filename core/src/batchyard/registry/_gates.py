"""A gate, behind the typed face of its hooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from batchyard.hookspecs import Admission, GateLine, Verdict
from batchyard.registry._calling import Hooks
from batchyard.registry._listeners import DEADLINE

if TYPE_CHECKING:
    from batchyard.models import BatchRequest

__all__ = ["Gate"]


class Gate:
    """Asks one gate.  *name* is what it is called in errors.

    ``check_lines`` and ``check_batch`` block, so they are not for an event
    loop's thread; the object has those that the gate implements.  They raise
    :class:`~batchyard.errors.PluginError` where there is no verdict.
    """

    check_lines: Callable[[Sequence[GateLine]], Sequence[Verdict]]
    check_batch: Callable[..., Verdict]

    def __init__(self, name: str, plugin: object, *, deadline: float = DEADLINE) -> None:
        self.name = name
        self._hooks = Hooks("gates", name, plugin, deadline)
        # by hasattr, who asks gates sees which hooks there are
        if self._hooks.supports("check_lines"):
            self.check_lines = self._check_lines
        if self._hooks.supports("check_batch"):
            self.check_batch = self._check_batch

    def __repr__(self) -> str:
        return f"Gate({self.name!r})"

    def _check_lines(self, lines: Sequence[GateLine]) -> Sequence[Verdict]:
        answer = self._hooks.call("check_lines", lines=lines)
        fine = isinstance(answer, Sequence) and all(isinstance(one, Verdict) for one in answer)
        if not fine:
            raise self._hooks.refused("check_lines", "a list of verdicts", answer)
        if len(answer) != len(lines):
            raise self._hooks.refused("check_lines", f"{len(lines)} verdicts", answer)
        verdicts: Sequence[Verdict] = answer
        return verdicts

    def _check_batch(self, batch: BatchRequest, admission: Admission | None = None) -> Verdict:
        answer = self._hooks.call("check_batch", batch=batch, admission=admission)
        if not isinstance(answer, Verdict):
            raise self._hooks.refused("check_batch", "a verdict", answer)
        return answer
