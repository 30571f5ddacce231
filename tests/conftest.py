"""For every test."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from hypothesis import settings

# a busy machine is no failure
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# the suite starts hundreds of interpreters: each would compile all of us again
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# the accounts of whoever runs the suite are none of its business
os.environ["XDG_CONFIG_HOME"] = str(Path(__file__).parent / "no-such-folder")

# and neither is their ledger
_DATA = tempfile.mkdtemp(prefix="batchyard-tests-")
atexit.register(shutil.rmtree, _DATA, ignore_errors=True)
os.environ["XDG_DATA_HOME"] = _DATA
