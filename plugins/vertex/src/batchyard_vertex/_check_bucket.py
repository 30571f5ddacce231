"""Whether an account's bucket can be used, by the caller and by the agent that jobs run as."""

from __future__ import annotations

from batchyard.errors import (
    APIConnectionError,
    AuthenticationError,
    BatchyardError,
    NotFoundError,
    PermissionDeniedError,
)
from batchyard.models import Finding
from batchyard_vertex._regions import fits
from batchyard_vertex._wire import Wire
from batchyard_vertex.storage import Bucket, BucketInfo

__all__ = ["bucket_findings"]

RIGHTS = tuple(f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list"))
ROLE = "roles/storage.objectUser"

_BOTH = frozenset(
    {
        "roles/storage.objectUser",
        "roles/storage.objectAdmin",
        "roles/storage.admin",
        "roles/storage.legacyBucketOwner",
    }
)
READS = _BOTH | {"roles/storage.objectViewer", "roles/storage.legacyObjectReader"}
WRITES = _BOTH | {"roles/storage.objectCreator", "roles/storage.legacyBucketWriter"}


async def bucket_findings(wire: Wire, identity: str, number: str | None) -> list[Finding]:
    """*number* is the project's, where it is known: the agent is called by it."""
    bucket = Bucket(wire)
    about: BucketInfo | None = None
    try:
        about = await bucket.info()
        findings = [_placed(wire, about)]
    except NotFoundError as error:
        fix = "Create it, or name another in the setting `bucket`."
        return [Finding("error", "bucket", error.message, fix)]
    except PermissionDeniedError as error:
        # objects can be had without the right to look at their bucket
        fix = f"Give {identity} roles/storage.legacyBucketReader on it, to have its region checked."
        findings = [Finding("warning", "bucket", _unseen(wire, error), fix)]
    findings.append(await _caller(wire, bucket, identity))
    findings.append(await _agent(wire, bucket, number, about))
    return findings


def _unseen(wire: Wire, error: BatchyardError) -> str:
    return f"where gs://{wire.settings.bucket} is cannot be seen: {error.message}"


def _placed(wire: Wire, about: BucketInfo) -> Finding:
    settings = wire.settings
    place = about.location or "an unknown place"
    message = f"gs://{settings.bucket} is in {place}, and the jobs are in {settings.location}"
    if about.location and not fits(about.location, settings.location):
        fix = "Use a bucket in the region of the jobs, or in the multi-region around it."
        return Finding("warning", "bucket", message, fix)
    return Finding("ok", "bucket", message)


async def _caller(wire: Wire, bucket: Bucket, identity: str) -> Finding:
    name = wire.settings.bucket
    fix = f"Give {identity} {ROLE} on gs://{name}."
    try:
        held = await bucket.permissions(*RIGHTS)
    except (AuthenticationError, APIConnectionError):
        raise
    except BatchyardError as error:
        return Finding("error", "bucket caller", error.message, fix)
    missing = [one for one in RIGHTS if one not in held]
    if missing:
        message = f"{identity} lacks {', '.join(missing)} on gs://{name}"
        return Finding("error", "bucket caller", message, fix)
    return Finding("ok", "bucket caller", f"{identity} may use the objects of gs://{name}")


async def _agent(
    wire: Wire, bucket: Bucket, number: str | None, about: BucketInfo | None
) -> Finding:
    """The agent's roles on the bucket itself; those on the project cannot be seen from here."""
    name, check = wire.settings.bucket, "service agent"
    theirs = about.project_number if about else None
    number = number or theirs
    if number is None:
        message = "the service agent is called by the project's number, which cannot be seen"
        fix = (
            f"Give service-{{number}}@gcp-sa-aiplatform.iam.gserviceaccount.com {ROLE} on "
            f"gs://{name}."
        )
        return Finding("warning", check, message, fix)
    agent = f"service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com"
    fix = f"Give {agent} {ROLE} on gs://{name}."
    try:
        roles = await bucket.roles_of(f"serviceAccount:{agent}")
    except (AuthenticationError, APIConnectionError):
        raise
    except BatchyardError as error:
        message = f"whether {agent} may use gs://{name} cannot be seen: {error.message}"
        return Finding("warning", check, message, fix)
    lacks = [verb for verb, good in (("read", READS), ("write", WRITES)) if not roles & good]
    if not lacks:
        return Finding("ok", check, f"{agent} may read and write gs://{name}")
    message = f"{agent} has no role on gs://{name} to {' or '.join(lacks)} there"
    if theirs == number:
        # in its own project it usually has them by another way
        more = "; it may have one by roles/aiplatform.serviceAgent on the project"
        return Finding("warning", check, message + more, fix)
    return Finding("error", check, message, fix)
