"""Gates in a row: what may refuse or rewrite lines, or refuse a batch, before anything is sent."""

from __future__ import annotations

from batchyard.gates._chain import GateChain, Ruling
from batchyard.gates._configured import configured
from batchyard.gates._files import Passed, Refusal, pass_file
from batchyard.gates._report import Tally

__all__ = ["GateChain", "Passed", "Refusal", "Ruling", "Tally", "configured", "pass_file"]
