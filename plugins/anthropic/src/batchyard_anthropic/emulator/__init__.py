"""An emulator of Anthropic's Message Batches."""

from __future__ import annotations

from batchyard_anthropic.emulator._emulator import AnthropicEmulator

__all__ = ["AnthropicEmulator"]
