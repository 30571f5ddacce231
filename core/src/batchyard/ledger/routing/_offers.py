"""What is known to run in batches: which models, at which accounts, at what price."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from batchyard.errors import BatchyardError, ConfigError, PluginError
from batchyard.ledger.accounts import Served
from batchyard.models import Limits, Rates
from batchyard.prices import Asked, priced_models

if TYPE_CHECKING:
    from batchyard.ledger.parts import Parts

__all__ = ["Offer", "offers", "served_accounts"]

log = logging.getLogger("batchyard.ledger")

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at an account.  ``model`` is what the account calls it.

    ``configured`` says that somebody has said it runs there; of the others only a
    price is known.  ``rates`` are those of batches today; ``None`` is unknown,
    and ``reason`` says why.
    """

    account: str
    provider: str
    model: str
    weight: int
    configured: bool
    limits: Limits
    rates: Rates | None
    reason: str | None


def served_accounts(parts: Parts, allowed: Collection[str] | None) -> dict[str, Served]:
    """The accounts that may be used and can be: what is wrong with the others is logged."""
    directory = parts.routing.directory
    wanted = None if allowed is None else {directory.find(one) for one in allowed}
    found = {}
    for name in directory.names:
        if wanted is not None and name not in wanted:
            continue
        try:
            found[name] = parts.accounts.get(name)
        except (ConfigError, PluginError) as error:
            log.warning("the account %s cannot be used: %s", name, error)
    return found


def offers(parts: Parts, allowed: Collection[str] | None = None) -> Mapping[str, list[Offer]]:
    """All that is known, by the models that lines name: the configured ones first."""
    accounts = served_accounts(parts, allowed)
    found: dict[str, list[Offer]] = {}
    for name, one in _configured(parts, accounts):
        found.setdefault(name, []).append(one)
    configured = frozenset(found) | frozenset(parts.routing.directory.models)
    for account, served in accounts.items():
        for name in dict.fromkeys((*served.prices, *priced_models(served.account.provider))):
            # where a configured model runs is known, and is nowhere else
            if name not in configured:
                found.setdefault(name, []).append(_offer(parts, served, account, name, None))
    return found


def _configured(parts: Parts, accounts: Mapping[str, Served]) -> Iterator[tuple[str, Offer]]:
    directory = parts.routing.directory
    for name in directory.models:
        for one in directory.accounts_of(name):
            served = accounts.get(one.account)
            if served is not None:
                called = one.model or name
                yield name, _offer(parts, served, one.account, called, one.weight)


def _offer(parts: Parts, served: Served, name: str, model: str, weight: int | None) -> Offer:
    account = served.account
    rates, reason = _rates(parts, served, model)
    return Offer(
        name,
        account.provider,
        model,
        weight or 1,
        weight is not None,
        account.limits(None, model),
        rates,
        reason,
    )


def _rates(parts: Parts, served: Served, model: str) -> tuple[Rates | None, str | None]:
    account = served.account
    try:
        billing = account.billing(None, model)
    except BatchyardError as error:
        return None, error.message
    asked = Asked(billing, model, account.provider, account.name, int(parts.now() // DAY))
    found = parts.prices.rates(asked)
    return found.rates, found.reason
