"""Keys for tests of the gateway."""

from __future__ import annotations

from typing import Any

from batchyard.ledger import KeyOrder
from batchyard.models import ApiKey, KeyLimits
from tests.gateway.site import Site


def key_of(site: Site, name: str = "a key", **fields: Any) -> ApiKey:
    """A new key of the gateway's."""
    limits = fields.pop("limits", {})
    order = KeyOrder(name, limits=KeyLimits(**limits), **fields)
    return site.run(lambda ledger: ledger.create_key(order))


def secret_of(site: Site, name: str = "a key", **fields: Any) -> str:
    secret = key_of(site, name, **fields).secret
    assert secret is not None
    return secret
