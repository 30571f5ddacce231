"""Batchyard's events as webhooks: signed, as CloudEvents, or as messages for Slack and Teams."""

from __future__ import annotations

from batchyard_webhook._guard import BlockedAddressError
from batchyard_webhook._settings import Endpoint, WebhookSettings
from batchyard_webhook._signing import signature
from batchyard_webhook._sink import Webhook, WebhookError

__all__ = [
    "BlockedAddressError",
    "Endpoint",
    "Webhook",
    "WebhookError",
    "WebhookSettings",
    "signature",
]
