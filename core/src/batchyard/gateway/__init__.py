"""The gateway: OpenAI's files and batches API over the ledger, for a whole company.

It adds HTTP, keys and pages to the ledger's own functions, and no rule of a
batch's life.  Needs ``pip install 'batchyard[gateway]'``.
"""

from __future__ import annotations

from importlib.util import find_spec

from batchyard.errors import ConfigError

_NEEDED = ("starlette", "uvicorn", "python_multipart")

if any(find_spec(name) is None for name in _NEEDED):
    raise ConfigError("a gateway needs packages of its own: pip install 'batchyard[gateway]'")

from batchyard.gateway._application import application  # noqa: E402 - it needs those
from batchyard.gateway._serving import check_exposure, from_environment, serve  # noqa: E402

__all__ = ["application", "check_exposure", "from_environment", "serve"]
