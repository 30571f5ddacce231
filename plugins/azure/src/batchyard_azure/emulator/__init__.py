"""Azure OpenAI's batch service, on a loopback port."""

from __future__ import annotations

from batchyard_azure.emulator._emulator import AzureEmulator, AzureOptions
from batchyard_azure.emulator._quirks import ALL_QUIRKS, AZURE_QUIRKS

__all__ = ["ALL_QUIRKS", "AZURE_QUIRKS", "AzureEmulator", "AzureOptions"]
