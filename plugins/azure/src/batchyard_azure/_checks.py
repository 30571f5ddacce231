"""Whether an account can be used, and what to do where it cannot."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from batchyard.effects import Reply
from batchyard.errors import (
    APIConnectionError,
    AuthenticationError,
    BatchyardError,
    ConfigError,
    PermissionDeniedError,
)
from batchyard.models import Batch, Call, FileObject, Finding, Page, PageRequest
from batchyard.steps import call as send
from batchyard.steps import openai_wire, parse, retrying
from batchyard_azure._addresses import cloud_of
from batchyard_azure._blobs import Blobs
from batchyard_azure._settings import Settings

__all__ = ["check_account"]

OWN_HOSTS: Final = (".openai.azure.com", ".openai.azure.us", ".openai.azure.cn")
ALSO_FINE: Final = (".services.ai.azure.com", ".services.ai.azure.us")

OLD: Final = "2024-10-21"

LOOKED_AT: Final = 100
"""Batches of the list that are looked at."""

MOST_FILES, NEARLY = 500, 400
"""Files that may be kept without an expiry, and how many of them are worth a warning."""

ROLE: Final = "Cognitive Services OpenAI User"

QUOTA_HEADERS: Final = (
    "deployment-enqueued-tokens",
    "deployment-maximum-enqueued-tokens",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
)

UNKNOWN: Final = frozenset({"model_not_found", "invalid_request"})
"""Codes of batches that failed for a deployment that is not there, or of another SKU."""


async def check_account(
    settings: Settings, wire: openai_wire.Wire, blobs: Blobs | None, call: Call
) -> list[Finding]:
    """Findings up to the first thing without which nothing else can be told."""
    findings = [_host(settings), _version(settings)]
    try:
        files = await _list_files(wire, call)
    except BatchyardError as error:
        return [*findings, _wrong("files", error, settings)]
    findings += [Finding("ok", "files", f"{settings.base_url} lists files"), _auth(settings)]
    findings += _file_quota(files)
    try:
        batches, reply = await _list_batches(wire, call)
    except BatchyardError as error:
        return [*findings, _wrong("batches", error, settings)]
    findings.append(Finding("ok", "batches", f"{settings.base_url} lists batches"))
    findings += [*_quota(reply, batches), *_deployments(settings, batches)]
    if blobs is not None:
        findings.append(await _storage(blobs, call))
    return findings


async def _list_files(wire: openai_wire.Wire, call: Call) -> Page[FileObject]:
    return parse(Page[FileObject], await _reply(wire, call, "files", MOST_FILES))


async def _list_batches(wire: openai_wire.Wire, call: Call) -> tuple[Page[Batch], Reply]:
    reply = await _reply(wire, call, "batches", LOOKED_AT)
    return parse(Page[Batch], reply), reply


async def _reply(wire: openai_wire.Wire, call: Call, what: str, limit: int) -> Reply:
    """A list with the headers that it came with."""

    async def attempt() -> Reply:
        url = wire.url(what, query={"limit": limit})
        return await send(await wire.request(call, "GET", url), wire.refuse)

    return await retrying(attempt, wire.backoff(call))


def _host(settings: Settings) -> Finding:
    host = urlsplit(settings.base_url).hostname or ""
    if host.endswith((*OWN_HOSTS, *ALSO_FINE)):
        return Finding("ok", "subdomain", f"{host} is a resource's own name")
    if cloud_of(settings.base_url) is None:
        return Finding(
            "ok", "subdomain", f"{host} is no host of Azure's: a gateway, or an emulator"
        )
    return Finding(
        "warning",
        "subdomain",
        f"batches are known to fail at {host}",
        "Use the endpoint https://{resource}.openai.azure.com; a resource without a custom "
        "subdomain needs one (az cognitiveservices account update --custom-domain).",
    )


def _version(settings: Settings) -> Finding:
    if not settings.dated:
        asked = f" ({settings.api_version})" if settings.api_version else ""
        return Finding("ok", "version", f"the v1 API{asked}")
    if (settings.api_version or "") <= OLD:
        return Finding(
            "warning",
            "version",
            f"version {settings.api_version} takes no batches of newer models (o3-mini and later), "
            "and ignores the expiry of files, of which it then keeps 500",
            "Leave api_version out, for the v1 API.",
        )
    return Finding("ok", "version", f"the dated API, version {settings.api_version}")


def _auth(settings: Settings) -> Finding:
    if settings.api_key is not None:
        return Finding("ok", "credential", "the API key is taken")
    if settings.ad_token is not None:
        return Finding(
            "warning",
            "credential",
            "the token is taken, and is not renewed when it ends",
            "Give client_secret, federated_token_file or identity for tokens that are.",
        )
    return Finding("ok", "credential", f"tokens for {settings.token_scope} are taken")


def _file_quota(files: Page[FileObject]) -> list[Finding]:
    lasting = sum(1 for one in files.data if one.expires_at is None)
    if lasting < NEARLY:
        return []
    return [
        Finding(
            "warning",
            "file-quota",
            f"{lasting} files have no expiry; with {MOST_FILES} of them uploads fail",
            "Delete what is not needed (batchyard files delete), set output_expiry, and use a "
            "version of the API that keeps expiries.",
        )
    ]


def _quota(reply: Reply, batches: Page[Batch]) -> list[Finding]:
    told = [
        f"{name}: {reply.headers[name][:40]}" for name in QUOTA_HEADERS if name in reply.headers
    ]
    found = [Finding("ok", "quota", "; ".join(told))] if told else []
    full = [one for one in batches.data if _failed_with(one, frozenset({"token_limit_exceeded"}))]
    if full:
        found.append(
            Finding(
                "warning",
                "queue",
                f"{len(full)} of the last {len(batches.data)} batches found no room in the queue",
                "Raise the deployment's enqueued tokens, or use a ledger, which sends them again.",
            )
        )
    return found


def _failed_with(batch: Batch, codes: frozenset[str]) -> bool:
    return batch.errors is not None and any(one.code in codes for one in batch.errors.data)


def _deployments(settings: Settings, batches: Page[Batch]) -> list[Finding]:
    """What the last batches tell: only creating one would tell all."""
    if not settings.deployments:
        return [
            Finding(
                "warning",
                "deployments",
                "no deployments are configured: lines must name them, and prices follow the model "
                "that the service reports, as of a global deployment",
                "Name them in deployments, each with its base_model and type.",
            )
        ]
    return [_deployment(settings, key, batches) for key in settings.deployments]


def _deployment(settings: Settings, key: str, batches: Page[Batch]) -> Finding:
    one = settings.deployments[key]
    for batch in batches.data:
        for error in batch.errors.data if batch.errors else []:
            if error.code in UNKNOWN and f"'{one.name}'" in (error.message or ""):
                return Finding(
                    "error",
                    "deployments",
                    f"a batch of deployment {one.name!r} failed: {(error.message or '')[:200]}",
                    "Check that the deployment is there under this very name, and that its SKU is "
                    "Global Batch or Data Zone Batch (az cognitiveservices account deployment "
                    "list).",
                )
    if one.base_model is None:
        return Finding(
            "warning",
            "deployments",
            f"deployment {one.name!r} has no base_model: its price is that of the model that "
            "results name",
            f"Set base_model for {key!r}.",
        )
    return Finding(
        "ok",
        "deployments",
        f"deployment {one.name!r} is for {key!r}, priced as {one.base_model} ({one.type}); no "
        "batch of late says that it is not there",
    )


async def _storage(blobs: Blobs, call: Call) -> Finding:
    try:
        await blobs.list(call, PageRequest(limit=1))
    except BatchyardError as error:
        return Finding(
            "error",
            "storage",
            error.message,
            "Check storage.container and its sas; without one, the caller needs the role Storage "
            "Blob Data Contributor there. The resource's managed identity needs it too.",
        )
    return Finding(
        "ok",
        "storage",
        "the container's blobs are listed; whether the resource may read and write them only a "
        "batch can tell",
    )


def _wrong(check: str, error: BatchyardError, settings: Settings) -> Finding:
    return Finding("error", check, error.message, _advice(error, settings))


def _advice(error: BatchyardError, settings: Settings) -> str:
    match error:
        case ConfigError():
            return f"Check {error.param or 'the settings'}."
        case AuthenticationError():
            return _credential_advice(settings)
        case APIConnectionError():
            return (
                f"Check that {settings.base_url} can be reached from here: name, proxy, CA, "
                "firewall."
            )
        case PermissionDeniedError():
            return (
                f"Check the role ({ROLE}), the resource's network rules, and that access by key "
                "is not disabled."
            )
        case BatchyardError(status=404):
            return (
                "Check base_url: https://{resource}.openai.azure.com with the custom subdomain of "
                "a resource in a region that has batches; and api_version, if it is set."
            )
        case _:
            return "See the message; try again later if the service is down."


def _credential_advice(settings: Settings) -> str:
    if settings.api_key is not None:
        return (
            "Check AZURE_OPENAI_API_KEY (or api_key): it is one of the two under "
            "'Keys and Endpoint' of this very resource."
        )
    return (
        f"Check the credential, that tokens are for {settings.token_scope} (or set scope), "
        f"and that it has the role {ROLE}."
    )
