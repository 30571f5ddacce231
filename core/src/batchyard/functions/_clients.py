"""Clients for calls that bring their own settings: made once, and kept while they are used."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, SecretBytes, SecretStr

from batchyard.config import load, resolve, resolve_ledger
from batchyard.registry import Registry

__all__ = ["MAX_CLIENTS", "Clients", "Lease"]

MAX_CLIENTS = 64
"""Clients that are kept; of more, those unused for longest are closed."""

_KEY = secrets.token_bytes(32)
"""So that a digest says nothing about the credentials to anybody outside this process."""


class Closable(Protocol):
    def close(self) -> Any: ...


C = TypeVar("C", bound=Closable)


@dataclass(slots=True)
class Lease(Generic[C]):
    """A client, and how many calls use it just now."""

    client: C
    uses: int = 0
    evicted: bool = False


class Clients(Generic[C]):
    """A bounded set of clients by a keyed digest of provider and settings, environment included."""

    def __init__(self, make: Callable[[str | None, Mapping[str, Any], Registry], C]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._leases: OrderedDict[str, Lease[C]] = OrderedDict()
        self._registry: Registry | None = None

    def borrow(self, provider: str | None, settings: Mapping[str, Any]) -> tuple[Lease[C], list[C]]:
        """A lease on the client, and clients that are to be closed."""
        with self._lock:
            registry = self._registry = self._registry or Registry()
            settings = _ours(registry, provider, settings)
            key = _digest(registry, provider, settings)
            lease = self._leases.get(key)
            if lease is None:
                lease = self._leases[key] = Lease(self._make(provider, settings, registry))
            self._leases.move_to_end(key)
            lease.uses += 1
            return lease, self._evicted()

    def give_back(self, lease: Lease[C]) -> list[C]:
        """End a lease; the client is returned if it is to be closed."""
        with self._lock:
            lease.uses -= 1
            return [lease.client] if lease.evicted and not lease.uses else []

    def drain(self) -> list[C]:
        """Forget all clients; those that nobody uses are returned, to be closed."""
        with self._lock:
            leases = list(self._leases.values())
            self._leases.clear()
            for lease in leases:
                lease.evicted = True
            return [lease.client for lease in leases if not lease.uses]

    def _evicted(self) -> list[C]:
        closing = []
        while len(self._leases) > MAX_CLIENTS:
            _, lease = self._leases.popitem(last=False)
            lease.evicted = True
            if not lease.uses:
                closing.append(lease.client)
        return closing


def _ours(
    registry: Registry, provider: str | None, settings: Mapping[str, Any]
) -> Mapping[str, Any]:
    """LiteLLM writes a provider's own settings with its name before them; ours have none."""
    names = {info.name for info in registry.installed("providers")}
    if provider not in names:
        return settings
    prefix = f"{registry.provider(provider).name}_"
    return {name.removeprefix(prefix): value for name, value in settings.items()}


def _digest(registry: Registry, provider: str | None, settings: Mapping[str, Any]) -> str:
    """Of the settings as they are after the environment: a changed variable is another account.

    So is another ledger.
    """
    config = load(registry.environ)
    found = resolve(registry, provider, settings, config=config)
    ledger = resolve_ledger(registry, None, config)
    identity = [found.name, found.provider, *map(_revealed, (found.settings, found.prices, ledger))]
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), key=_KEY, digest_size=16).hexdigest()


def _revealed(value: Any) -> Any:
    """Settings as plain data, with their secrets: two accounts may differ in nothing else."""
    match value:
        case BaseModel():
            return _revealed(value.model_dump())
        case SecretStr() | SecretBytes():
            return repr(value.get_secret_value())
        case Mapping():
            return {str(name): _revealed(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_revealed(one) for one in value]
        case _:
            return value
