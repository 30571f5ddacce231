from __future__ import annotations

from tests.drivers.certificates import certificate
from tests.drivers.faces import colour, face, open_face

__all__ = ["certificate", "colour", "face", "open_face"]
