"""``python -m batchyard``."""

from __future__ import annotations

from batchyard.cli import main

main(prog_name="batchyard")
