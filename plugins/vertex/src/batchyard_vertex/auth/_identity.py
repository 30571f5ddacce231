"""Who the credentials are, as people would say it."""

from __future__ import annotations

import re
from typing import Any

from batchyard_vertex._settings import Settings
from batchyard_vertex.auth._loading import default_path, information

__all__ = ["identity_of"]

_IMPERSONATED = re.compile(r"/serviceAccounts/([^/:]+@[^/:]+):generateAccessToken$")
_MACHINE = "this machine's service account"


def identity_of(settings: Settings) -> str:
    """An e-mail address, where there is one to be told.  Reads files; raises as loading does."""
    secret = settings.credentials
    given = secret.get_secret_value() if secret else default_path()
    return _MACHINE if given is None else _named(information(given))


def _named(info: dict[str, Any]) -> str:
    found = _IMPERSONATED.search(str(info.get("service_account_impersonation_url", "")))
    if found:
        return found[1]
    email = info.get("client_email")
    if isinstance(email, str) and "@" in email:
        return email
    kinds = {
        "authorized_user": "the user of these credentials",
        "external_account": "the federated workload",
    }
    return kinds.get(str(info.get("type")), "the caller")
