"""Credentials out of JSON, by google-auth, which is imported when a token is needed."""

from __future__ import annotations

import importlib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchyard.errors import ConfigError
from batchyard_vertex._settings import Settings
from batchyard_vertex.auth._transport import Transport

__all__ = ["default_path", "google", "information", "loaded", "unusable"]

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def google(module: str) -> Any:
    """google-auth, whose signatures have no types."""
    return importlib.import_module(f"google.auth.{module}" if module else "google.auth")


def default_path() -> str | None:
    """Where the environment, or else gcloud, has the default credentials, if anywhere."""
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named:
        return named
    path: str = google("_cloud_sdk").get_application_default_credentials_path()
    return path if Path(path).is_file() else None


def information(secret: str) -> dict[str, Any]:
    """What the JSON, given by its content or its path, says."""
    try:
        text = secret if secret.lstrip().startswith("{") else Path(secret).read_text("utf-8")
        info = json.loads(text)
    except OSError as error:
        raise unusable(error.strerror or type(error).__name__) from None
    except (ValueError, RecursionError):
        raise unusable("not JSON") from None
    if not isinstance(info, dict):
        raise unusable("not a JSON object")
    return info


def loaded(info: dict[str, Any], settings: Settings, transport: Transport) -> Any:
    """The credentials that *info* describes, for the account."""
    url = settings.token_url
    whole = {**info, "token_uri": url} if url else info
    try:
        credentials = _by_type(whole, transport)
        if settings.self_signed_jwt and info.get("type") == "service_account":
            credentials = credentials.with_always_use_jwt_access(True)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise unusable("something in it is missing or damaged") from None
    theirs = getattr(credentials, "universe_domain", None) or settings.universe_domain
    if theirs != settings.universe_domain:
        # a token must not be shown to another cloud
        raise ConfigError(
            f"the credentials are of the universe {theirs}, and the account of "
            f"{settings.universe_domain}: set universe_domain",
            param="universe_domain",
        )
    return credentials


def _by_type(info: dict[str, Any], transport: Transport) -> Any:
    if info.get("type") == "external_account":
        # google-auth's own loader asks for the project too, which is not ours to know
        return _federated(info).Credentials.from_info(info, scopes=[SCOPE])
    with warnings.catch_warnings():
        # it warns of credentials from strangers; these are the account's own
        warnings.simplefilter("ignore", DeprecationWarning)
        found, _ = google("").load_credentials_from_dict(info, scopes=[SCOPE], request=transport)
    return found


def _federated(info: Mapping[str, Any]) -> Any:
    if str(info.get("subject_token_type", "")).endswith(":aws4_request"):
        return google("aws")
    source = info.get("credential_source")
    runs = isinstance(source, Mapping) and "executable" in source
    return google("pluggable" if runs else "identity_pool")


def unusable(why: str) -> ConfigError:
    return ConfigError(
        f"the Google credentials cannot be used: {why}; set credentials to the path or content of "
        "a key, or run `gcloud auth application-default login`",
        param="credentials",
    )
