"""Tokens of azure-identity, which does its own I/O and comes with the extra ``[identity]``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from batchyard.errors import APIConnectionError, AuthenticationError, ConfigError
from batchyard_azure._settings import Settings

__all__ = ["identity_token"]

NAMES = {
    "default": "DefaultAzureCredential",
    "managed": "ManagedIdentityCredential",
    "environment": "EnvironmentCredential",
    "workload": "WorkloadIdentityCredential",
    "cli": "AzureCliCredential",
    "developer-cli": "AzureDeveloperCliCredential",
}
"""Classes of azure-identity by the setting's values."""

MOST_SAID = 500
"""Characters of azure-identity's reasons that are passed on."""


def identity_token(settings: Settings, scope: str) -> Callable[[], tuple[str, float]]:
    """A function that blocks until it has a token, and the Unix time of its end."""
    return partial(_token, settings, scope)


def _token(settings: Settings, scope: str) -> tuple[str, float]:
    try:
        azure_identity: Any = importlib.import_module("azure.identity")
        core: Any = importlib.import_module("azure.core.exceptions")
    except ImportError as error:
        raise ConfigError(
            "identity needs azure-identity: pip install 'batchyard-azure[identity]'",
            param="identity",
        ) from error
    kind = getattr(azure_identity, NAMES[settings.identity or "default"])
    try:
        # made for each token, which are an hour apart: what it holds open is closed at once
        with kind(**_options(settings)) as credential:
            token = credential.get_token(scope)
    except core.ClientAuthenticationError as error:
        raise AuthenticationError(f"azure-identity has no token: {_said(error)}") from None
    except core.AzureError as error:
        raise APIConnectionError(f"azure-identity cannot get a token: {_said(error)}") from None
    except ValueError as error:
        raise ConfigError(
            f"azure-identity cannot be used so: {_said(error)}", param="identity"
        ) from None
    return token.token, float(token.expires_on)


def _options(settings: Settings) -> dict[str, str]:
    options: dict[str, str] = {}
    if settings.identity in {"managed", "workload"} and settings.client_id is not None:
        options["client_id"] = settings.client_id
    if settings.identity == "default" and settings.client_id is not None:
        options["managed_identity_client_id"] = settings.client_id
    named = settings.identity in {"workload", "cli", "developer-cli"}
    if named and settings.tenant_id is not None:
        options["tenant_id"] = settings.tenant_id
    if settings.authority is not None and settings.identity in {"default", "workload"}:
        options["authority"] = settings.authority
    return options


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", "") or error).split())[:MOST_SAID]
