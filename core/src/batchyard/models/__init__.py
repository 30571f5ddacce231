"""Files, batches, calls, usage and events: the data that crosses the contract."""

from __future__ import annotations

from batchyard.models._batches import (
    TERMINAL_STATUSES,
    Batch,
    BatchDeleted,
    BatchError,
    BatchErrors,
    BatchUsage,
    InputTokensDetails,
    OutputTokensDetails,
    RequestCounts,
)
from batchyard.models._calls import (
    BatchRequest,
    Call,
    ExpiresAfter,
    FileUpload,
    Finding,
    Limits,
    PageRequest,
    Ref,
)
from batchyard.models._events import BatchEvent, Event, FileEvent, RequestEvent
from batchyard.models._files import FileDeleted, FileObject, Page
from batchyard.models._keys import ApiKey, KeyLimits
from batchyard.models._lines import LineRecord
from batchyard.models._receipts import (
    Billing,
    CostItem,
    CostState,
    Identity,
    Proof,
    Rates,
    Receipt,
)
from batchyard.models._reports import FileReport, GateReport, ReportedLine, ReportedReason
from batchyard.models._usage import OUTCOMES, Outcome, Totals, Usage

__all__ = [
    "OUTCOMES",
    "TERMINAL_STATUSES",
    "ApiKey",
    "Batch",
    "BatchDeleted",
    "BatchError",
    "BatchErrors",
    "BatchEvent",
    "BatchRequest",
    "BatchUsage",
    "Billing",
    "Call",
    "CostItem",
    "CostState",
    "Event",
    "ExpiresAfter",
    "FileDeleted",
    "FileEvent",
    "FileObject",
    "FileReport",
    "FileUpload",
    "Finding",
    "GateReport",
    "Identity",
    "InputTokensDetails",
    "KeyLimits",
    "Limits",
    "LineRecord",
    "Outcome",
    "OutputTokensDetails",
    "Page",
    "PageRequest",
    "Proof",
    "Rates",
    "Receipt",
    "Ref",
    "ReportedLine",
    "ReportedReason",
    "RequestCounts",
    "RequestEvent",
    "Totals",
    "Usage",
]
