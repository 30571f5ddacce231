"""An emulator of OpenAI's files and batches protocol, to subclass for services that speak it."""

from __future__ import annotations

from batchyard.emulators.openai_wire._batches import BatchRecord
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._emulator import OpenAIWireEmulator
from batchyard.emulators.openai_wire._errors import ApiError
from batchyard.emulators.openai_wire._files import File, FileShelf, NewFile
from batchyard.emulators.openai_wire._models import Model, find_model

__all__ = [
    "ApiError",
    "BatchRecord",
    "Dialect",
    "File",
    "FileShelf",
    "Model",
    "NewFile",
    "OpenAIWireEmulator",
    "find_model",
]
