"""Anthropic's Message Batches for Batchyard."""

from __future__ import annotations

from batchyard_anthropic._provider import Anthropic
from batchyard_anthropic._settings import Settings
from batchyard_anthropic.translation import FieldLoss, losses_of

__all__ = ["Anthropic", "FieldLoss", "Settings", "losses_of"]
