"""Whether an account can be used."""

from __future__ import annotations

from batchyard.errors import APIConnectionError, AuthenticationError, BatchyardError
from batchyard.models import Finding
from batchyard_vertex._batches import probe
from batchyard_vertex.storage import Bucket
from batchyard_vertex._wire import Wire

__all__ = ["check_account"]


async def check_account(wire: Wire) -> list[Finding]:
    """Ask for a token, for the bucket and for the jobs, up to the first that is refused."""
    settings = wire.settings
    steps = (
        ("credentials", _token, "Set credentials to the path or content of a key."),
        ("bucket", _bucket, f"Give the caller roles/storage.objectUser on gs://{settings.bucket}."),
        ("jobs", _jobs, f"Give the caller roles/aiplatform.user on {settings.project}."),
    )
    findings: list[Finding] = []
    for check, step, cure in steps:
        try:
            findings.append(Finding("ok", check, await step(wire)))
        except BatchyardError as error:
            findings.append(Finding("error", check, error.message, _advice(error, cure)))
            break
    return findings


async def _token(wire: Wire) -> str:
    await wire.credentials.access()
    return "an access token is to be had"


async def _bucket(wire: Wire) -> str:
    await Bucket(wire).list("", limit=1)
    return f"gs://{wire.settings.bucket} can be listed"


async def _jobs(wire: Wire) -> str:
    await probe(wire)
    return f"jobs of {wire.settings.project} in {wire.settings.location} can be listed"


def _advice(error: BatchyardError, cure: str) -> str:
    match error:
        case AuthenticationError():
            return "Check the credentials: Google does not accept them."
        case APIConnectionError():
            return "Check that Google can be reached from here: proxy, CA, firewall."
        case _:
            return cure
