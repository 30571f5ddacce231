"""An account: one provider with settings, and the typed face of its hooks."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from batchyard.errors import PluginContractError, UnsupportedError
from batchyard.hookspecs import ListenerSpec, ProviderSpec
from batchyard.models import Billing, Limits
from batchyard.registry._checks import register
from batchyard.registry._listeners import DEADLINE, Listener, Observation
from batchyard.registry._manager import Manager
from batchyard.registry._plans import OPERATIONS, Keeper
from batchyard.registry._shared import SharedValues
from batchyard.steps import openai_wire

if TYPE_CHECKING:
    from batchyard.effects import Plan, Stream
    from batchyard.lines import ResultLine
    from batchyard.models import (
        Batch,
        BatchDeleted,
        BatchRequest,
        Call,
        Event,
        FileDeleted,
        FileObject,
        FileUpload,
        Finding,
        Page,
        PageRequest,
        Ref,
        Usage,
    )

__all__ = ["Account"]

EVENTS = tuple(name for name in vars(ListenerSpec) if not name.startswith("_"))
"""The hooks that listeners hear."""


class Account:
    """Calls the hooks of one provider instance, inside whatever middleware wraps them.

    Its plugin manager is its own, so a call reaches this provider and no other.
    The only place that calls hooks.
    """

    def __init__(
        self,
        name: str,
        provider: str,
        plugin: object,
        *,
        middleware: Mapping[str, object] | None = None,
        listeners: Sequence[tuple[object, Listener]] = (),
        origin: str | None = None,
    ) -> None:
        self.name = name
        self.provider = provider
        self._origin = origin or provider
        self.shared = SharedValues()
        self._plugin = plugin
        self._manager = Manager()
        self._manager.add_hookspecs(ProviderSpec)
        self._own = frozenset(register(self._manager, "providers", self._origin, plugin))
        # pluggy calls the wrapper that was registered last first
        for wrapper_name, wrapper in reversed(list((middleware or {}).items())):
            self._manager.register(Keeper())
            register(self._manager, "middleware", wrapper_name, wrapper)
        if listeners:
            self._manager.add_hookspecs(ListenerSpec)
        for listener, told in listeners:
            register(self._manager, "listeners", told.name, listener)
        self._listeners = tuple(told for _, told in listeners)
        self._observing = threading.Lock()
        self._wrapped = bool(middleware)

    def __repr__(self) -> str:
        return f"Account({self.name!r}, provider={self.provider!r})"

    def supports(self, hook: str) -> bool:
        """Whether the provider implements the hook."""
        return hook in self._own

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(one for one in OPERATIONS if one in self._own)

    def upload_file(self, call: Call, file: FileUpload) -> Plan[FileObject]:
        return self._plan("upload_file", call=call, file=file)

    def retrieve_file(self, call: Call, file: Ref) -> Plan[FileObject]:
        return self._plan("retrieve_file", call=call, file=file)

    def delete_file(self, call: Call, file: Ref) -> Plan[FileDeleted]:
        return self._plan("delete_file", call=call, file=file)

    def list_files(self, call: Call, page: PageRequest) -> Plan[Page[FileObject]]:
        return self._plan("list_files", call=call, page=page)

    def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        answer = self._answer("file_content", call=call, file=file)
        if not inspect.isasyncgen(answer):
            raise self._foreign("file_content", "an async generator", answer)
        return cast("Stream[bytes]", answer)

    def create_batch(self, call: Call, batch: BatchRequest) -> Plan[Batch]:
        return self._plan("create_batch", call=call, batch=batch)

    def retrieve_batch(self, call: Call, batch: Ref) -> Plan[Batch]:
        return self._plan("retrieve_batch", call=call, batch=batch)

    def cancel_batch(self, call: Call, batch: Ref) -> Plan[Batch]:
        return self._plan("cancel_batch", call=call, batch=batch)

    def delete_batch(self, call: Call, batch: Ref) -> Plan[BatchDeleted]:
        return self._plan("delete_batch", call=call, batch=batch)

    def list_batches(self, call: Call, page: PageRequest) -> Plan[Page[Batch]]:
        return self._plan("list_batches", call=call, page=page)

    def find_file(self, call: Call, marker: str, since: float | None) -> Plan[FileObject | None]:
        return self._plan("find_file", call=call, marker=marker, since=since)

    def find_batch(
        self,
        call: Call,
        marker: str,
        input_file: Ref | None,
        since: float | None,
        known: frozenset[str] = frozenset(),
    ) -> Plan[Batch | None]:
        return self._plan(
            "find_batch",
            call=call,
            marker=marker,
            input_file=input_file,
            since=since,
            known=known,
        )

    def check_account(self, call: Call) -> Plan[list[Finding]]:
        return self._plan("check_account", call=call)

    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        """The provider's reader, or the one for OpenAI's shapes."""
        if not self.supports("usage_reader"):
            return openai_wire.usage_reader(endpoint)
        reader: Callable[[ResultLine], Usage] = self._answer("usage_reader", endpoint=endpoint)
        return reader

    def billing(self, model: str | None, requested: str | None = None) -> Billing:
        """What the model is billed as; by default, what results call it or lines asked for."""
        if not self.supports("billing"):
            return Billing(model or requested)
        billing = self._answer("billing", model=model, requested=requested)
        if not isinstance(billing, Billing):
            raise self._foreign("billing", "a Billing", billing)
        return billing

    def limits(self, endpoint: str | None = None, model: str | None = None) -> Limits:
        """What one job takes; no limits are known where the provider names none."""
        if not self.supports("limits"):
            return Limits()
        limits: Limits = self._answer("limits", endpoint=endpoint, model=model)
        return limits

    def staged_inputs(self) -> Literal["keep", "delete"]:
        """What becomes of the files uploaded for batches once those are settled."""
        if not self.supports("staged_inputs"):
            return "keep"
        wanted = self._answer("staged_inputs")
        if wanted not in {"keep", "delete"}:
            raise self._foreign("staged_inputs", "'keep' or 'delete'", wanted)
        return cast("Literal['keep', 'delete']", wanted)

    def hears(self, hook: str) -> bool:
        """Whether any listener would hear it, so that nothing is made ready for nobody."""
        return any(one.hears(hook) for one in self._listeners)

    def needs_totals(self, hook: str) -> bool:
        """Whether any listener that would hear it wants the totals, which cost a download."""
        return any(one.hears(hook) and one.needs_totals for one in self._listeners)

    def observe(self, function: Callable[[Any], object]) -> Observation:
        """Call *function* with every event from now on: a listener like any other.

        A function with an attribute ``needs_totals`` that is false causes no
        download at the end of a batch.
        """
        name = getattr(function, "__qualname__", None) or type(function).__name__
        needs_totals = bool(getattr(function, "needs_totals", True))
        told = Listener(name, dict.fromkeys(EVENTS, function), needs_totals=needs_totals)
        with self._observing:
            self._listeners = (*self._listeners, told)
        return Observation(told, self._forget)

    def _forget(self, listener: Listener) -> None:
        with self._observing:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def tell(self, event: Event) -> None:
        """Tell the listeners.  Never waits, and never fails."""
        for listener in self._listeners:
            listener.tell(event)

    def flush(self) -> None:
        """Let the listeners hear what they have been told, within one deadline for all."""
        until = time.monotonic() + DEADLINE
        for listener in self._listeners:
            listener.flush(max(0.0, until - time.monotonic()))

    def _plan(self, hook: str, **arguments: Any) -> Plan[Any]:
        plan = self._answer(hook, **arguments)
        if not isinstance(plan, Coroutine):
            raise self._foreign(hook, "a plan (an async def's coroutine)", plan)
        return plan

    def _answer(self, hook: str, **arguments: Any) -> Any:
        if not self.supports(hook):
            raise UnsupportedError(
                f"{self.provider} does not support {hook}",
                provider=self.provider,
                account=self.name,
                code="unsupported_operation",
            )
        return getattr(self._manager.hook, hook)(**arguments)

    def _foreign(self, hook: str, wanted: str, got: object) -> PluginContractError:
        if isinstance(got, Coroutine):
            got.close()  # nobody will await it
        around = ", or of a middleware around it," if self._wrapped else ""
        return PluginContractError(
            f"{hook} of {self._origin}{around} must return {wanted}, not {type(got).__name__}",
            provider=self.provider,
            account=self.name,
        )
