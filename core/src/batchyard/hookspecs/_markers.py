"""What marks a spec, and what marks a hook's implementation in a plugin."""

from __future__ import annotations

import pluggy

__all__ = ["CONTRACT", "PROJECT", "hookimpl", "hookspec"]

PROJECT = "batchyard"

CONTRACT = (1, 1)
"""The version of the contract: hooks, effects, steps, models, errors, and what is asked of each.

The second number grows with what is added, the first with what is taken away
or changed.  A plugin says which it is written for in ``contract = ">=1.1,<2"``,
an attribute of what its entry point names.
"""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
