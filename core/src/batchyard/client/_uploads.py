"""Input files before they are sent, and what is remembered of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from batchyard.config import Configuration
from batchyard.effects import Blocking, Source
from batchyard.errors import InputError
from batchyard.models import BatchRequest, FileObject, Limits
from batchyard.registry import Account, Registry
from batchyard.steps import FileContent, PathSource, named_source

if TYPE_CHECKING:
    from batchyard.gates import GateChain
    from batchyard.lines import FileCheck

__all__ = ["Prepared", "Uploads", "gates_of"]

MOST = 256
"""Uploads that are remembered."""


SMALL = 8192
"""Bytes in memory that are checked at once: a trip to a thread would take longer."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file that is ready to be sent, and what is in it, if it was checked."""

    source: Source
    name: str
    check: FileCheck | None


def _check(source: Source, limits: Limits) -> FileCheck:
    # on first use: a client that uploads nothing starts without it
    from batchyard.lines import check_file, check_source  # noqa: PLC0415

    if isinstance(source, PathSource):
        return check_file(source.path, limits=limits)
    return check_source(source, limits=limits)


@dataclass(frozen=True, slots=True)
class _Upload:
    endpoint: str | None
    models: tuple[str, ...]


def gates_of(
    registry: Registry, config: Configuration, added: Sequence[object]
) -> GateChain | None:
    """The gates that are configured, and *added* ones; ``None`` if there are none of either."""
    if not added and not config.names_of("gates"):
        return None
    from batchyard.gates import configured  # noqa: PLC0415 - most clients have no gates

    return configured(registry, config, added)


class Uploads:
    """What a client does with files and batches on their way out, and saw in the last files."""

    def __init__(self, gates: GateChain | None = None) -> None:
        self._gates = gates
        self._gated = gates is not None and gates.sees_lines
        self._seen: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    async def prepare(
        self, account: Account, content: FileContent, purpose: str, *, validate: bool
    ) -> Prepared:
        """Read a file for a batch before it is sent, and let it pass the gates.

        A file that gates are to see is checked whatever the caller wants.  Raises
        :class:`~batchyard.errors.InvalidLinesError` with all lines that are wrong.
        """
        checked = purpose == "batch" and (validate or self._gated)
        limits = account.limits() if checked else None

        def read() -> Prepared:
            source, name = named_source(content)
            return (
                Prepared(source, name, None) if limits is None else self._read(source, name, limits)
            )

        inner = content[1] if isinstance(content, tuple) else content
        small = isinstance(inner, bytes) and len(inner) <= SMALL and not self._gated
        return read() if small else await Blocking(read)

    def _read(self, source: Source, name: str, limits: Limits) -> Prepared:
        check = _check(source, limits)
        check.raise_for_problems()
        if self._gates is not None and self._gated:
            # on first use: most clients have no gates
            from batchyard.client._gating import passed  # noqa: PLC0415

            sent = passed(source, self._gates)
            if sent is not source:
                source, check = sent, _check(sent, limits)
                check.raise_for_problems()
        return Prepared(source, name, check)

    async def admit(self, request: BatchRequest) -> None:
        """Ask the gates whether the batch may be created.

        Raises :class:`InputError` for one that they refuse.
        """
        if self._gates is not None:
            await Blocking(partial(self._gates.admit, request))

    def remember(self, stored: FileObject, checked: FileCheck | None, *, keyed: bool) -> None:
        """Remember an upload; a *keyed* one only if it surely is not an earlier, other file."""
        if checked is None or (keyed and stored.bytes != checked.bytes):
            return
        with self._lock:
            self._seen[stored.id] = _Upload(checked.endpoint, tuple(checked.models))
            if len(self._seen) > MOST:
                del self._seen[next(iter(self._seen))]

    def complete(self, account: Account, request: BatchRequest) -> BatchRequest:
        """The request with the models of its file, where they are known and it names none.

        Raises :class:`InputError` for a file whose lines are for another endpoint,
        or name several models where a batch takes one.
        """
        seen = self._seen.get(request.input_file.id)
        if seen is None:
            return request
        if seen.endpoint is not None and seen.endpoint != request.endpoint:
            raise InputError(
                f"the lines of {request.input_file.id} are for {seen.endpoint}, and the batch is "
                f"for {request.endpoint}; create it with endpoint={seen.endpoint!r}",
                code="invalid_url",
                param="endpoint",
            )
        if len(seen.models) > 1 and account.limits(request.endpoint).one_model_per_file:
            raise InputError(
                f"the lines of {request.input_file.id} name {len(seen.models)} models "
                f"({_few(seen.models)}), and a batch takes one; split the file by model",
                code="mismatched_model",
                param="body.model",
            )
        return request if request.models else replace(request, models=seen.models)


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
