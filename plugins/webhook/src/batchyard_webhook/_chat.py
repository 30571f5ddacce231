"""The forms of an event that people read: in Slack, and in Teams."""

from __future__ import annotations

import re
from typing import Any

from batchyard.models import BatchEvent, Event, FileEvent

__all__ = ["ENDS", "slack", "teams"]

ENDS = ("batch_success", "batch_failed", "batch_expired", "batch_cancelled", "batch_stalled")
"""What people want to be told of unless they say otherwise."""

SAYS = {
    "file_created": "file was uploaded",
    "batch_created": "batch was created",
    "batch_status_changed": "batch has another status",
    "batch_success": "batch is done",
    "batch_failed": "batch has failed",
    "batch_expired": "batch has expired",
    "batch_cancelled": "batch was cancelled",
    "batch_adjusted": "batch got lines that came late",
    "batch_repriced": "batch was priced anew",
    "batch_stalled": "batch makes no progress",
}

MARKS = {"batch_success": "✅", "batch_failed": "❌", "batch_expired": "⌛", "batch_stalled": "⚠️"}

LONG = 300
"""Letters of what somebody else worded."""

MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-!|>~])")


def slack(event: Event) -> dict[str, Any]:
    """A message for an incoming webhook: a text, and blocks that say it in full."""
    title = _title(event)
    facts = "\n".join(f"*{name}*: {_mrkdwn(value)}" for name, value in _facts(event))
    blocks = [_section(f"*{_mrkdwn(title)}*")]
    if facts:
        blocks.append(_section(facts[:2900]))
    return {"text": _mrkdwn(title), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    # verbatim: or Slack makes a mention of "@here", and a link of an address, by itself
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def teams(event: Event) -> dict[str, Any]:
    """An adaptive card, as Teams' workflows take it."""
    facts = [{"title": name, "value": _markdown(value)} for name, value in _facts(event)]
    heading = {
        "type": "TextBlock",
        "size": "Medium",
        "weight": "Bolder",
        "wrap": True,
        "text": _markdown(_title(event)),
    }
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [heading, {"type": "FactSet", "facts": facts}],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _title(event: Event) -> str:
    mark = MARKS.get(event.hook, "")
    said = SAYS.get(event.hook, event.hook)
    return f"{mark} {event.account}: {said}".strip()


def _facts(event: Event) -> list[tuple[str, str]]:
    if isinstance(event, FileEvent):
        found: list[tuple[str, object]] = [("File", event.file.id), ("Bytes", event.file.bytes)]
    elif isinstance(event, BatchEvent):
        found = _of_batch(event)
    else:
        found = []
    return [(name, str(value)[:LONG]) for name, value in found if value not in {None, ""}]


def _of_batch(event: BatchEvent) -> list[tuple[str, object]]:
    batch, totals, who = event.batch, event.totals, event.identity
    counts = batch.request_counts
    errors = batch.errors.data if batch.errors is not None else []
    found: list[tuple[str, object]] = [
        ("Batch", batch.id),
        ("Status", batch.status),
        ("Model", batch.model),
        ("Team", who.team if who else None),
        ("Lines", f"{counts.completed} of {counts.total} answered" if counts else None),
    ]
    if totals is not None:
        cost = totals.response_cost
        found += [
            ("Tokens", f"{totals.usage.total_tokens:,}"),
            ("Cost", "unknown" if cost is None else f"{cost:f} USD"),
        ]
    return [*found, ("Reason", event.reason or (errors[0].message if errors else None))]


def _mrkdwn(text: str) -> str:
    """Without what Slack takes for a link, a mention or an entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _markdown(text: str) -> str:
    return MARKDOWN.sub(r"\\\1", text)
