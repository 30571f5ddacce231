"""The account that the environment describes."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["found_in"]

PLACE = {
    "base_url": ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"),
    "api_version": ("OPENAI_API_VERSION", "AZURE_API_VERSION"),
}
"""The variables of the official SDK, and after them LiteLLM's."""

ALONE = (
    ("ad_token", "AZURE_OPENAI_AD_TOKEN"),
    ("api_key", "AZURE_OPENAI_API_KEY"),
    ("ad_token", "AZURE_AD_TOKEN"),
    ("api_key", "AZURE_API_KEY"),
)
"""Credentials of one variable.  The first that is there is taken: an SDK's before LiteLLM's, and a
token before a key, as the official SDK has it."""

APPLICATION = {"tenant_id": "AZURE_TENANT_ID", "client_id": "AZURE_CLIENT_ID"}
BESIDE = (
    ("client_secret", "AZURE_CLIENT_SECRET"),
    ("federated_token_file", "AZURE_FEDERATED_TOKEN_FILE"),
)
"""Credentials of an application, as azure-identity and LiteLLM read them."""

AUTHORITY = "AZURE_AUTHORITY_HOST"


def found_in(environ: Mapping[str, str]) -> dict[str, str] | None:
    """Settings by name, or ``None`` without an endpoint and a credential."""
    place = {
        setting: next((environ[name] for name in names if environ.get(name)), "")
        for setting, names in PLACE.items()
    }
    credential = _credential(environ)
    if not place["base_url"] or credential is None:
        return None
    return {name: value for name, value in {**place, **credential}.items() if value}


def _credential(environ: Mapping[str, str]) -> dict[str, str] | None:
    for setting, name in ALONE:
        if environ.get(name):
            return {setting: environ[name]}
    application = {setting: environ.get(name, "") for setting, name in APPLICATION.items()}
    if not all(application.values()):
        return None
    for setting, name in BESIDE:
        if environ.get(name):
            return {**application, setting: environ[name], "authority": environ.get(AUTHORITY, "")}
    return None
