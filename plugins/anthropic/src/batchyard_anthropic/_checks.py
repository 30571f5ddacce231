"""Whether an account can be used."""

from __future__ import annotations

from batchyard.effects import Blocking
from batchyard.errors import (
    AuthenticationError,
    BatchyardError,
    ConfigError,
    PermissionDeniedError,
    QuotaExceededError,
)
from batchyard.models import Call, Finding
from batchyard_anthropic._api import Api
from batchyard_anthropic._folder import Folder

__all__ = ["checked"]

CURES: tuple[tuple[type[BatchyardError], str], ...] = (
    (AuthenticationError, "Check ANTHROPIC_API_KEY (`api_key`): it is wrong, or was revoked."),
    (PermissionDeniedError, "Let the key's workspace use the Message Batches API."),
    (QuotaExceededError, "Look after billing in Anthropic's console."),
)
ELSE = "Check `base_url` (ANTHROPIC_BASE_URL), the network, and Anthropic's status page."


async def checked(call: Call, api: Api, folder: Folder) -> list[Finding]:
    """Both at once: who has to do something should do all of it."""
    return [await _credentials(call, api), await _place(folder)]


async def _credentials(call: Call, api: Api) -> Finding:
    try:
        await api.listed(call, None, 1)
    except BatchyardError as error:
        fix = next((cure for kind, cure in CURES if isinstance(error, kind)), ELSE)
        return Finding("error", "credentials", error.message, fix)
    return Finding("ok", "credentials", "Anthropic accepts the credential.")


async def _place(folder: Folder) -> Finding:
    try:
        await Blocking(folder.check)
    except (ConfigError, OSError) as error:
        fix = "Set `folder` (BATCHYARD_ANTHROPIC_FOLDER) to one that can be written to."
        return Finding("error", "folder", f"Files cannot wait: {error}", fix)
    return Finding("ok", "folder", "Files can wait for their batches.")
