"""Events as JSON, and the plugins that core itself brings for them.

``jsonl`` is a sink that appends events to a file (:mod:`batchyard.events.jsonl`,
which only who uses it imports), ``logging`` a listener that hands them to the
standard library.  Both are found by entry points, like any other plugin.
"""

from __future__ import annotations

from batchyard.events._json import VERSION, from_json, line_to_json, to_json
from batchyard.events._logging import LoggingListener
from batchyard.events._receipts import receipt_from_json, receipt_to_json
from batchyard.events._redaction import HIDEABLE, hidden_id, redacted

__all__ = [
    "HIDEABLE",
    "VERSION",
    "LoggingListener",
    "from_json",
    "hidden_id",
    "line_to_json",
    "receipt_from_json",
    "receipt_to_json",
    "redacted",
    "to_json",
]
