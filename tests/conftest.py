"""For every test."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from shutil import disk_usage

import pytest
from hypothesis import settings

from tests.authorities import trust_one

# a busy machine is no failure
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# the suite starts hundreds of interpreters: each would compile all of us again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# a suite in the background is started with Ctrl-C ignored, and so would be what it starts
signal.signal(signal.SIGINT, signal.default_int_handler)

# thousands of commits would wait for a disk; what the tests kill is processes, and no machine
_MEMORY = Path("/dev/shm")  # noqa: S108 - whose folders are made by pytest and tempfile
_ENOUGH = 8 * 1024**3
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and disk_usage(_MEMORY).free > _ENOUGH:
    # for processes, and for what has asked already
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)

# the accounts of whoever runs the suite are none of its business
os.environ["XDG_CONFIG_HOME"] = str(Path(__file__).parent / "no-such-folder")

# and neither is their ledger
_DATA = tempfile.mkdtemp(prefix="batchyard-tests-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
os.environ["XDG_DATA_HOME"] = _DATA

trust_one(Path(_DATA))

LONGEST = (
    "docs/test_console.py",
    "ledger/chaos/test_chaos.py",
    "packaging/test_clean_environments.py",
    "gateway/test_serving.py",
    "ledger/life/test_workers.py",
    "ledger/life/test_no_room.py",
    "lines/test_hostile.py",
    "vertex/test_conformance.py",
    "docs/test_examples.py",
    "sinks/test_every_sink.py",
)
"""Begun before all others: one that began last would keep the other process waiting."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: modules, and thousands of tests."""
    gc.collect()
    gc.freeze()
