from __future__ import annotations

from tests.drivers.faces import colour, face, open_face

__all__ = ["colour", "face", "open_face"]
