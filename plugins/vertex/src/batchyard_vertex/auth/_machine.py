"""The token of the machine's own service account.  google-auth's way to it needs ``requests``."""

from __future__ import annotations

import os

from pydantic import BaseModel

from batchyard.effects import Request
from batchyard.errors import APIConnectionError
from batchyard.steps import fetch
from batchyard_vertex._errors import google_refusal
from batchyard_vertex.auth._loading import SCOPE, unusable

__all__ = ["Token", "machine_token"]

_HOSTS = ("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP")
_ABSENT = "there are none, neither given nor this machine's own"


class Token(BaseModel):
    access_token: str
    expires_in: float


async def machine_token() -> Token:
    """Raises :class:`ConfigError` off Google's machines, where nobody answers."""
    if os.environ.get("NO_GCE_CHECK", "").lower() == "true":
        raise unusable(_ABSENT)
    named = (os.environ.get(variable) for variable in _HOSTS)
    host = next((one for one in named if one), "metadata.google.internal")
    url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    request = Request("GET", f"{url}?scopes={SCOPE}", {"metadata-flavor": "Google"}, timeout=5.0)
    try:
        return await fetch(Token, request, google_refusal)
    except APIConnectionError:
        raise unusable(_ABSENT) from None
