"""The choice of an account for a batch."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from batchyard.errors import BatchyardError, ConfigError, InputError, NotFoundError, PluginError
from batchyard.ledger.accounts import Accounts
from batchyard.ledger.records import FileRecord
from batchyard.ledger.routing._candidates import ANYTHING, Allowed, Asked, candidates
from batchyard.ledger.routing._directory import Directory
from batchyard.ledger.routing._fitting import Carried, Route, carried, renames_at
from batchyard.ledger.routing._hints import Hint, kept_hints, shown, stated_hints
from batchyard.ledger.routing._weighing import in_order
from batchyard.models import Limits

__all__ = ["Check", "Routing"]

log = logging.getLogger("batchyard.ledger")

Check = Callable[[Limits, Carried], None]
"""Raises :class:`InputError` for what an account of these limits does not take."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Chooses accounts from what was said, what the lines ask for, and what fits."""

    directory: Directory
    accounts: Accounts

    def provider(self, name: str) -> str:
        """The provider's own name, for one of its names.

        Raises :class:`NotFoundError` for one that is not installed.
        """
        found = self.directory.provider(name)
        if found is None:
            known = ", ".join(self.directory.providers) or "none"
            raise NotFoundError(
                f"There is no provider {shown(name)}; there are: {known}.",
                status=404,
                code="unknown_provider",
                param="provider",
            )
        return found

    def check(
        self,
        hints: Sequence[Hint],
        models: Mapping[str, int],
        *,
        allowed: Allowed = ANYTHING,
    ) -> None:
        """Raise :class:`InputError` for hints that no batch of these models could follow."""
        if hints:
            candidates(self.directory, Asked(stated_hints(hints), models, allowed))

    def route(
        self,
        hints: Sequence[Hint],
        file: FileRecord,
        check: Check,
        *,
        endpoint: str,
        seed: str | None = None,
        allowed: Allowed = ANYTHING,
    ) -> Route:
        """The account that takes the file, and what it calls the models.

        The file's own hints count where there are no others.  The same *seed*
        chooses alike.  Raises :class:`InputError` where no account takes it.
        """
        asked = Asked(stated_hints(hints) or kept_hints(file.hints), file.models, allowed)
        if not asked.hints and not self.directory.names:
            # nothing is configured: making the default account says what to do
            return _checked(Route(self.accounts.get()), file, check, endpoint)
        weights = candidates(self.directory, asked)
        drawn = secrets.token_hex(16) if seed is None else seed
        refusals: dict[str, BatchyardError] = {}
        for name in in_order(weights, drawn):
            try:
                served = self.accounts.get(name)
                renames = renames_at(self.directory, name, file, drawn)
                return _checked(Route(served, renames), file, check, endpoint)
            except (InputError, ConfigError, PluginError) as error:
                if len(weights) == 1:
                    raise
                refusals[name] = error
        raise _none_takes_it(refusals)


def _checked(route: Route, file: FileRecord, check: Check, endpoint: str) -> Route:
    content = carried(file, route.renames)
    check(route.served.account.limits(endpoint, next(iter(content.models), None)), content)
    return route


def _none_takes_it(refusals: Mapping[str, BatchyardError]) -> BatchyardError:
    told = [one for one in refusals.values() if isinstance(one, InputError)]
    for name, error in refusals.items():
        if not isinstance(error, InputError):
            log.error("the account %s cannot be used: %s", name, error)
    if not told:
        return next(iter(refusals.values()))
    if len({error.message for error in refusals.values()}) == 1:
        return told[0]
    said = "; ".join(
        # how accounts are set up is their operator's to read
        f"{name}: {error.message if isinstance(error, InputError) else 'it cannot be used now'}"
        for name, error in sorted(refusals.items())
    )
    return InputError(f"No account takes this. {said}", code=told[0].code, param=told[0].param)
