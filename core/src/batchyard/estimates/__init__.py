"""What a file would use and cost, before anything is sent: from a sample of its lines.

At most a second of the processor's time a file, whatever its size.  What cannot
be known beforehand is shown as unknown, and never as nothing.
"""

from __future__ import annotations

from batchyard.estimates._estimate import Question, estimate
from batchyard.estimates._figures import CostRange, Estimate, LimitFit, ModelEstimate, TokenRange

__all__ = [
    "CostRange",
    "Estimate",
    "LimitFit",
    "ModelEstimate",
    "Question",
    "TokenRange",
    "estimate",
]
