"""The blocking client.

Generated from the async one, do not edit: scripts/generate_client.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from batchyard.client._desks import Desk
from batchyard.client._direct_sync import Batches, Files
from batchyard.client._estimating import Estimator
from batchyard.client._options import CallOptions, call_of
from batchyard.client._streams import blocking
from batchyard.client._tracking import Tracking, maker
from batchyard.client._uploads import Uploads, gates_of
from batchyard.config import LedgerSettings, load, resolve, resolve_ledger
from batchyard.drivers import Driver, Transport
from batchyard.effects import Clock
from batchyard.models import (
    Finding,
    Identity,
    Limits,
)
from batchyard.registry import Observation, Registry

__all__ = [
    "Client",
]


class Client:
    """One account of one provider, in direct or in tracked mode.

    In direct mode ids are the provider's, and nothing is kept.  In tracked mode,
    with ``ledger`` (an address, a path, or ``True`` for the user's own) or where
    one is configured and it is not ``False``, files are staged in a store and
    batches kept in the ledger under ids of its own, followed, settled and priced.
    The ledger keeps the account's name, never its settings: a worker in another
    process follows a batch if it has an account that is called so.
    ``owner``, ``team`` and ``tags`` are written on what is created then; with an
    ``owner`` only that owner's files and batches are seen.

    ``Client("azure-eu")`` takes the account of that name from the
    configuration; ``Client("openai", api_key=…)`` makes one of that provider
    from the settings given and, for the others, from the provider's environment
    variables.  A configured account wins over a provider of the same name.
    Without a name it is the configuration's default account, and without a
    configuration the provider that the environment has settings for.
    ``account`` names an account too; one that is not configured is the name of
    what the other arguments make.  ``config_file`` is read instead of the
    ``batchyard.toml`` that is found otherwise.
    ``timeout`` is in seconds.  Use it as a context manager, or close it.

    Raises :class:`~batchyard.errors.ConfigError` for settings that are missing
    or wrong, :class:`~batchyard.errors.PluginError` for a provider that cannot be used.
    """

    def __init__(
        self,
        provider: str | None = None,
        *,
        account: str | None = None,
        config_file: str | os.PathLike[str] | None = None,
        timeout: float | None = None,
        max_retries: int = 2,
        transport: Transport | None = None,
        listeners: Sequence[object] = (),
        middleware: Sequence[object] = (),
        gates: Sequence[object] = (),
        registry: Registry | None = None,
        clock: Clock | None = None,
        ledger: str | os.PathLike[str] | LedgerSettings | bool | None = None,
        owner: str | None = None,
        team: str | None = None,
        tags: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        registry = registry or Registry()
        config = load(registry.environ, config_file)
        found = resolve(registry, provider, settings, account=account, config=config)
        self.account = registry.account(
            found.provider,
            found.settings,
            name=found.name,
            listeners=listeners,
            middleware=middleware,
        )
        self._driver = Driver(self.account, transport, clock)
        self._options = CallOptions(timeout=timeout, max_retries=max_retries)
        self._estimator = Estimator(self.account, registry, config, found.prices)
        self._desk: Desk | None = None
        self.files: Files
        self.batches: Batches
        kept = resolve_ledger(registry, ledger, config)
        if kept is None:
            uploads = Uploads(gates_of(registry, config, gates))
            self.files = Files(self._driver, self._options, uploads)
            self.batches = Batches(self._driver, self._options, uploads, self._estimator)
            return
        tracking = Tracking(
            settings=kept,
            config=config,
            registry=registry,
            clock=self._driver.clock,
            account=self.account,
            prices=found.prices,
            transport=transport,
            listeners=listeners,
            middleware=middleware,
            gates=gates,
        )
        named = provider is not None or account is not None or bool(settings)
        # whoever names no account leaves the choice to the models, where there are any
        at = self.account.name if named or not config.names_of("models") else None
        self._track(tracking, Identity(owner or "", team, tuple(tags)), owner, at)

    def _track(self, tracking: Tracking, who: Identity, owner: str | None, at: str | None) -> None:
        from batchyard.client import _tracked_sync as tracked  # noqa: PLC0415 - only with a ledger

        self._desk = Desk(maker(tracking), tracking.clock, who, owner)
        self.files = tracked.TrackedFiles(self._desk)
        self.batches = tracked.TrackedBatches(self._desk, at, self._estimator)

    def __repr__(self) -> str:
        return f"Client({self.account.provider!r}, account={self.account.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the listeners hear what they were told, and close the connections."""
        if self._desk is not None:
            self._desk.close()
        self._driver.run(blocking(self.account.flush))
        self._driver.close()

    def limits(self, endpoint: str | None = None, model: str | None = None) -> Limits:
        """What one batch takes at this account."""
        return self.account.limits(endpoint, model)

    def observe(self, function: Callable[[Any], object]) -> Observation:
        """Call *function*, sync or async, with every event of the account, until stopped.

        It runs in a thread of its own, best effort: see :class:`~batchyard.hookspecs.ListenerSpec`.
        """
        return self.account.observe(function)

    def check(self) -> list[Finding]:
        """Whether the account can be used, and what to do where it cannot."""
        call = call_of(self.account.name, self._options, {})
        return self._driver.run(self.account.check_account(call))
