"""For every test."""

from __future__ import annotations

import os
from pathlib import Path

# the accounts of whoever runs the suite are none of its business
os.environ["XDG_CONFIG_HOME"] = str(Path(__file__).parent / "no-such-folder")
