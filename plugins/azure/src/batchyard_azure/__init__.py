"""Azure OpenAI's batch API for Batchyard."""

from __future__ import annotations

from batchyard_azure._provider import Azure
from batchyard_azure._settings import BlobStorage, Deployment, Settings

__all__ = ["Azure", "BlobStorage", "Deployment", "Settings"]
