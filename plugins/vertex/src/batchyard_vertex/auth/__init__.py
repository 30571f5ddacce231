"""Access tokens of every kind of credential."""

from __future__ import annotations

from batchyard_vertex.auth._credentials import Access, Credentials
from batchyard_vertex.auth._identity import identity_of

__all__ = ["Access", "Credentials", "identity_of"]
