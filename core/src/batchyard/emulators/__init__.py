"""Emulators of providers: strict servers on a loopback port, for tests, demonstrations and users.

A provider's package subclasses `Emulator` and registers it as a `batchyard.emulators` entry point.
"""

from __future__ import annotations

from batchyard.emulators._actions import (
    Action,
    Hang,
    Lost,
    Replace,
    Reset,
    Slow,
    Status,
    Truncate,
)
from batchyard.emulators._clock import Clock, SystemClock
from batchyard.emulators._emulator import Emulator, EmulatorOptions
from batchyard.emulators._exchange import Exchange
from batchyard.emulators._faults import ArmedFault, Fault, Faults
from batchyard.emulators._multipart import (
    Form,
    FormError,
    FormFile,
    FormReader,
    FormTooLargeError,
)
from batchyard.emulators._quirks import Quirk, Quirks
from batchyard.emulators._requests import RequestLog, RequestRecord
from batchyard.emulators._server import Server
from batchyard.emulators._states import Machine, Timeline
from batchyard.emulators._store import Blob, BlobWriter, FileStore, StoreFullError
from batchyard.emulators._trial import Trial

__all__ = [
    "Action",
    "ArmedFault",
    "Blob",
    "BlobWriter",
    "Clock",
    "Emulator",
    "EmulatorOptions",
    "Exchange",
    "Fault",
    "Faults",
    "FileStore",
    "Form",
    "FormError",
    "FormFile",
    "FormReader",
    "FormTooLargeError",
    "Hang",
    "Lost",
    "Machine",
    "Quirk",
    "Quirks",
    "Replace",
    "RequestLog",
    "RequestRecord",
    "Reset",
    "Server",
    "Slow",
    "Status",
    "StoreFullError",
    "SystemClock",
    "Timeline",
    "Trial",
    "Truncate",
]
