"""Plans on their way through middleware."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Coroutine, Generator
from typing import Any

from batchyard.hookspecs import ProviderSpec, hookimpl

__all__ = ["OPERATIONS", "Keeper"]

OPERATIONS = tuple(
    name
    for name, value in vars(ProviderSpec).items()
    if inspect.isfunction(value)
    and name not in {"billing", "limits", "staged_inputs", "usage_reader"}
)
"""The hooks that return plans."""


class Kept(Coroutine[Any, Any, Any]):
    """A plan as a middleware gets it: one that is not used is closed, and warns of nothing.

    A cache that has the answer needs no plan, and neither does a middleware that raises.
    """

    __slots__ = ("__weakref__", "_plan")

    def __init__(self, plan: Coroutine[Any, Any, Any]) -> None:
        self._plan = plan
        # no __del__: in a cycle the collector may come to the plan first, which then warns
        weakref.finalize(self, plan.close).atexit = False

    def __await__(self) -> Generator[Any, Any, Any]:
        # a generator, so that this object lives for as long as it is awaited
        return (yield from self._plan.__await__())

    def send(self, value: Any) -> Any:
        return self._plan.send(value)

    def throw(self, *error: Any) -> Any:
        return self._plan.throw(*error)

    def close(self) -> None:
        self._plan.close()


class Keeper:
    """Stands beneath each middleware, and gives it plans that it need not use."""

    def keep(self) -> Generator[None, Any, Any]:
        answer = yield
        return Kept(answer) if inspect.iscoroutine(answer) else answer


for _operation in OPERATIONS:
    setattr(Keeper, _operation, hookimpl(wrapper=True)(Keeper.keep))
