"""Chat completions as Claude's messages, and messages as chat completions."""

from __future__ import annotations

from batchyard_anthropic.translation._answers import completion_of
from batchyard_anthropic.translation._losses import (
    FieldLoss,
    Loss,
    LossReport,
    RefusedError,
    losses_of,
)
from batchyard_anthropic.translation._requests import Options, params_of

__all__ = [
    "FieldLoss",
    "Loss",
    "LossReport",
    "Options",
    "RefusedError",
    "completion_of",
    "losses_of",
    "params_of",
]
