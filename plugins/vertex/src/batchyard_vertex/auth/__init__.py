"""Access tokens of every kind of credential."""

from __future__ import annotations

from batchyard_vertex.auth._credentials import Access, Credentials

__all__ = ["Access", "Credentials"]
