"""Credentials of every kind, all good at one emulator and nowhere else."""

from __future__ import annotations

import importlib
import json
from functools import lru_cache
from typing import Any

__all__ = ["EMAIL", "SUBJECT", "USER", "credential_files", "key_file", "public_key"]

EMAIL = "emulator@batchyard-emulator.iam.gserviceaccount.com"
SUBJECT = "subject-token-of-the-emulator"
"""What the workload's own identity provider says it is."""

USER = {
    "client_id": "764086051850-emulator.apps.googleusercontent.com",
    "client_secret": "emulator-client-secret",
    "refresh_token": "1//emulator-refresh-token",
}
POOL = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/emulator"


@lru_cache(maxsize=1)
def _pair() -> tuple[str, str]:
    """A private and a public key, thrown away with the process."""
    rsa: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.rsa")
    forms: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private: bytes = key.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()
    )
    public: bytes = key.public_key().public_bytes(
        forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def public_key() -> str:
    return _pair()[1]


def key_file(url: str, project: str) -> str:
    """The JSON key of the service account, whose tokens come from the emulator at *url*."""
    return json.dumps(_service_account(url, project))


def _service_account(url: str, project: str) -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "emulator-key-1",
        "private_key": _pair()[0],
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        "token_uri": f"{url}/token",
    }


def credential_files(url: str, project: str) -> dict[str, str]:
    """By their type, as the content of a file.

    A user's token comes from where the account's ``token_url`` says: google-auth
    knows none but Google's.
    """
    impersonation = f"{url}/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
    user = {"type": "authorized_user", **USER, "quota_project_id": project}
    files: dict[str, dict[str, Any]] = {
        "service_account": _service_account(url, project),
        "authorized_user": user,
        "external_account": {
            "type": "external_account",
            "audience": f"{POOL}/providers/emulator",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"{url}/v1/token",
            "credential_source": {
                "url": f"{url}/subject-token",
                "headers": {"x-workload": "emulator"},
                "format": {"type": "json", "subject_token_field_name": "value"},
            },
            "service_account_impersonation_url": impersonation,
        },
        "impersonated_service_account": {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": impersonation,
            "delegates": [],
            "source_credentials": _service_account(url, project),
        },
    }
    return {kind: json.dumps(file) for kind, file in files.items()}
