"""Who may do what: the caller, and the agent that jobs run as."""

from __future__ import annotations

from collections.abc import Iterable

from batchyard.emulators import Quirks
from batchyard_vertex.emulator._errors import ApiError

__all__ = ["AGENT", "PROJECT_NUMBER", "Access", "JobDeniedError"]

PROJECT_NUMBER = "123456789012"
AGENT = f"service-{PROJECT_NUMBER}@gcp-sa-aiplatform.iam.gserviceaccount.com"
"""The Vertex AI service agent, who reads and writes the bucket."""


class JobDeniedError(Exception):
    """The agent may not; the job fails with code 7."""


class Access:
    """Everything is allowed but what :meth:`deny` and the quirks take away."""

    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks
        self._denied: set[str] = set()

    def deny(self, *permissions: str) -> None:
        """From now on the caller lacks them; ``aiplatform.batchPredictionJobs.create`` is one."""
        self._denied.update(permissions)

    def allow(self, *permissions: str) -> None:
        self._denied.difference_update(permissions)

    @property
    def denied(self) -> frozenset[str]:
        return frozenset(self._denied)

    def held(self, permissions: Iterable[str]) -> list[str]:
        """Those of *permissions* that the caller has."""
        return [one for one in permissions if one not in self._denied]

    def check_job(self, permission: str, resource: str) -> None:
        """Refuse a caller of the job API, in its words."""
        if "api-disabled" in self._quirks:
            raise ApiError(
                403,
                "Vertex AI API has not been used in project "
                f"{PROJECT_NUMBER} before or it is disabled.",
                details=[_info("SERVICE_DISABLED", service="aiplatform.googleapis.com")],
            )
        if permission in self._denied:
            message = (
                f"Permission '{permission}' denied on resource '//aiplatform.googleapis.com/"
                f"{resource}' (or it may not exist)."
            )
            info = _info("IAM_PERMISSION_DENIED", permission=permission)
            raise ApiError(403, message, details=[info])

    def check_project(self, permission: str) -> None:
        if permission in self._denied:
            raise ApiError(403, "The caller does not have permission")

    def check_storage(self, permission: str, resource: str, email: str) -> None:
        """Refuse a caller of Cloud Storage, in its words."""
        hidden = permission == "storage.buckets.getIamPolicy" and "policy-hidden" in self._quirks
        if hidden or permission in self._denied:
            raise ApiError(
                403,
                f"{email} does not have {permission} access to the Google Cloud Storage {resource}."
                f" Permission '{permission}' denied on resource (or it may not exist).",
                reason="forbidden",
            )

    def policy(self) -> list[dict[str, object]]:
        """The bucket's bindings: the agent has what the quirks leave it."""
        roles = {
            "roles/storage.objectViewer": "input-denied",
            "roles/storage.objectCreator": "output-denied",
        }
        members = [f"serviceAccount:{AGENT}"]
        return [
            {"role": role, "members": members}
            for role, quirk in roles.items()
            if quirk not in self._quirks
        ]

    def check_agent_reads(self, uri: str) -> None:
        if "input-denied" in self._quirks:
            raise JobDeniedError(_lacking("storage.objects.get", "read", uri))

    def agent_writes(self, uri: str) -> str | None:
        """Why the agent may not write there, if it may not."""
        if "output-denied" in self._quirks:
            return _lacking("storage.objects.create", "write", uri)
        return None


def _lacking(permission: str, verb: str, uri: str) -> str:
    return (
        f"Service account {AGENT} doesn't have sufficient permission "
        f'"{permission}" to {verb} {uri}.'
    )


def _info(reason: str, **metadata: str) -> dict[str, object]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com" if "service" in metadata else "iam.googleapis.com",
        "metadata": {**metadata, "consumer": f"projects/{PROJECT_NUMBER}"},
    }
