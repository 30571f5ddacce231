"""Batches and their lines as Langfuse generations."""

from __future__ import annotations

from batchyard_langfuse._settings import LangfuseSettings
from batchyard_langfuse._sink import LangfuseSink

__all__ = ["LangfuseSettings", "LangfuseSink"]
