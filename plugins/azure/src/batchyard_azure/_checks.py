"""Whether an account can be used."""

from __future__ import annotations

from batchyard.errors import APIConnectionError, AuthenticationError, BatchyardError
from batchyard.models import Batch, Call, FileObject, Finding, Page
from batchyard.steps import openai_wire

__all__ = ["check_account"]


async def check_account(wire: openai_wire.Wire, call: Call) -> list[Finding]:
    """Findings up to the first thing that is wrong."""
    try:
        await wire.get(Page[FileObject], call, "files", query={"limit": 1})
    except BatchyardError as error:
        return [_wrong("files", error, wire)]
    files = Finding("ok", "files", f"{wire.base_url} lists files with this key")
    try:
        await wire.get(Page[Batch], call, "batches", query={"limit": 1})
    except BatchyardError as error:
        return [files, _wrong("batches", error, wire)]
    return [files, Finding("ok", "batches", f"{wire.base_url} lists batches with this key")]


def _wrong(check: str, error: BatchyardError, wire: openai_wire.Wire) -> Finding:
    return Finding("error", check, error.message, _advice(error, wire.base_url))


def _advice(error: BatchyardError, address: str) -> str:
    match error:
        case AuthenticationError():
            return (
                "Check AZURE_OPENAI_API_KEY (or api_key): it is one of the two under "
                "'Keys and Endpoint' of this very resource."
            )
        case APIConnectionError():
            return f"Check that {address} can be reached from here: name, proxy, CA, firewall."
        case BatchyardError(status=403):
            return "Check the resource's network rules, and that access by key is not disabled."
        case BatchyardError(status=404):
            return (
                "Check base_url: https://{resource}.openai.azure.com with the custom subdomain of "
                "a resource in a region that has batches; the v1 API is below /openai/v1."
            )
        case _:
            return "See the message; try again later if the service is down."
