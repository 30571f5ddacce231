"""Gates in a row: what may refuse or rewrite lines, or refuse a batch, before anything is sent."""

from __future__ import annotations

from batchyard.gates._chain import GateChain
from batchyard.gates._configured import configured
from batchyard.gates._files import Passed, Refusal, pass_file

__all__ = ["GateChain", "Passed", "Refusal", "configured", "pass_file"]
