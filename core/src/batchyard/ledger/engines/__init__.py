"""Engines: who calls ``advance`` for what is due.  The built-in one runs it where it is dispatched.

Others come as plugins, in the group ``batchyard.engines``; this one does too.
"""

from __future__ import annotations

from batchyard.ledger.engines._local import Local

__all__ = ["Local"]
