"""Events, and sinks for a receiver on this machine."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from batchyard.models import Batch, BatchEvent, Event, Identity, RequestCounts, Totals, Usage
from batchyard_webhook import Webhook, WebhookSettings
from tests.sinks.receivers import Receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOCAL = {"allow": ("127.0.0.0/8",), "allow_http": True}


def happened(hook: str = "batch_success", **more: Any) -> BatchEvent:
    values: dict[str, Any] = {
        "hook": hook,
        "at": 1_790_000_000.5,
        "provider": "openai",
        "account": "azure/eu",
        "batch": Batch(
            id="batch_7",
            status="completed",
            model="gpt-4o-mini",
            request_counts=RequestCounts(total=3, completed=3),
        ),
        "totals": Totals(Usage(1000, 200), 3, Decimal("0.00120")),
        "identity": Identity("mia", "docs"),
    }
    return BatchEvent(**{**values, **more})


def sink(receiver: Receiver | None = None, **settings: Any) -> Webhook:
    url = {} if receiver is None else {"url": receiver.url}
    return Webhook(WebhookSettings(**{**LOCAL, **url, **settings}))


def deliver(webhook: Webhook, *events: Event) -> None:
    async def main() -> None:
        for event in events:
            await webhook.deliver(event)

    asyncio.run(main())
