"""Whether an account can be used: each finding names who lacks which role on what."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pydantic import Field

from batchyard.effects import Blocking, Stream
from batchyard.errors import (
    APIConnectionError,
    AuthenticationError,
    BatchyardError,
    NotFoundError,
)
from batchyard.models import Finding
from batchyard_vertex._batches import model_name, probe
from batchyard_vertex._check_bucket import bucket_findings
from batchyard_vertex._regions import why_not_there
from batchyard_vertex._tolerance import Optional, Resource
from batchyard_vertex._wire import Wire, url_of
from batchyard_vertex.auth import identity_of

__all__ = ["check_account"]

RIGHTS = tuple(f"aiplatform.batchPredictionJobs.{verb}" for verb in ("create", "get", "cancel"))
"""What jobs take, beside the right to list them, which is tried out."""

ROLE = "roles/aiplatform.user"
DISABLED = "SERVICE_DISABLED"


class _Project(Resource):
    """The name has the project's number."""

    name: str = Field(pattern=r"^projects/\d{1,20}$")
    state: Optional[str] = None


class _Held(Resource):
    permissions: list[str] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the steps so far have found out."""

    identity: str = "the caller"
    number: str | None = None
    findings: list[Finding] = field(default_factory=list)


async def check_account(wire: Wire) -> list[Finding]:
    """Look at one thing after the other, as far as the credentials and the network carry."""
    known = _Known()
    try:
        known = await _credentials(wire, known)
        known = await _project(wire, known)
        await _jobs(wire, known)
        await _rights(wire, known)
        known.findings.extend(await bucket_findings(wire, known.identity, known.number))
        async for finding in _models(wire):
            known.findings.append(finding)
    except _StoppedError as stopped:
        known.findings.append(stopped.finding)
    except (AuthenticationError, APIConnectionError) as error:
        known.findings.append(_unreachable("connection", error))
    return known.findings


class _StoppedError(Exception):
    """Without this, nothing more can be found out."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def _unreachable(check: str, error: BatchyardError) -> Finding:
    if isinstance(error, AuthenticationError):
        fix = "Check the credentials: Google does not accept them."
    else:
        fix = "Check that Google can be reached from here: proxy, CA, firewall."
    return Finding("error", check, error.message, fix)


async def _credentials(wire: Wire, known: _Known) -> _Known:
    try:
        identity: str = await Blocking(lambda: identity_of(wire.settings))
        await wire.credentials.access()
    except (AuthenticationError, APIConnectionError) as error:
        raise _StoppedError(_unreachable("credentials", error)) from None
    except BatchyardError as error:
        fix = "Set credentials to the path or content of a key."
        raise _StoppedError(Finding("error", "credentials", error.message, fix)) from None
    known.findings.append(Finding("ok", "credentials", f"{identity} gets an access token"))
    return replace(known, identity=identity)


async def _project(wire: Wire, known: _Known) -> _Known:
    settings = wire.settings
    url = url_of(f"{settings.resource_manager}/v3", "projects", settings.project)
    try:
        project = await wire.get(_Project, url)
    except (AuthenticationError, APIConnectionError):
        raise
    except BatchyardError as error:
        # many callers may not see the project that they may use
        known.findings.append(
            Finding(
                "warning",
                "project",
                f"{settings.project} cannot be looked at: {error.message}",
                f"Check its name, and give {known.identity} resourcemanager.projects.get on it "
                f"({ROLE} has that), with the Cloud Resource Manager API enabled.",
            )
        )
        return known
    number = project.name.removeprefix("projects/")
    if project.state not in {None, "ACTIVE"}:
        finding = Finding("error", "project", f"{settings.project} is {project.state}")
    else:
        finding = Finding("ok", "project", f"{settings.project} is project {number}")
    known.findings.append(finding)
    return replace(known, number=number)


async def _jobs(wire: Wire, known: _Known) -> None:
    """The API, and the right to list jobs: asked for by listing one."""
    settings = wire.settings
    place = f"{settings.project} in {settings.location}"
    try:
        await probe(wire)
    except (AuthenticationError, APIConnectionError):
        raise
    except BatchyardError as error:
        if error.code == DISABLED:
            fix = (
                "Enable the Vertex AI API: gcloud services enable aiplatform.googleapis.com "
                f"--project {settings.project}."
            )
            known.findings.append(Finding("error", "api", error.message, fix))
        else:
            fix = f"Give {known.identity} {ROLE} on the project {settings.project}."
            known.findings.append(Finding("error", "jobs", error.message, fix))
        return
    known.findings.append(Finding("ok", "api", f"the Vertex AI API answers for {place}"))
    known.findings.append(Finding("ok", "jobs", f"jobs of {place} can be listed"))


async def _rights(wire: Wire, known: _Known) -> None:
    settings = wire.settings
    name = f"{settings.project}:testIamPermissions"
    url = url_of(f"{settings.resource_manager}/v3", "projects", name)
    try:
        held = await wire.ask(_Held, url, {"permissions": list(RIGHTS)})
    except (AuthenticationError, APIConnectionError):
        raise
    except BatchyardError as error:
        message = f"whether {known.identity} may create jobs cannot be asked: {error.message}"
        fix = f"Make sure that it has {ROLE} on the project {settings.project}."
        known.findings.append(Finding("warning", "caller", message, fix))
        return
    missing = [one for one in RIGHTS if one not in held.permissions]
    if missing:
        message = f"{known.identity} lacks {', '.join(missing)} on {settings.project}"
        fix = f"Give {known.identity} {ROLE} on the project {settings.project}."
        known.findings.append(Finding("error", "caller", message, fix))
    else:
        message = f"{known.identity} may create, read and cancel jobs"
        known.findings.append(Finding("ok", "caller", message))


async def _models(wire: Wire) -> Stream[Finding]:
    """The models that the account has names for; there is no list of what lines may ask for."""
    settings = wire.settings
    for model in sorted({model_name(one) for one in settings.models.values()}):
        why = why_not_there(model, settings.location)
        if why is not None:
            yield Finding("error", "model", why, "Choose another location, or another model.")
        elif model.startswith("publishers/"):
            yield await _looked_up(wire, model)


async def _looked_up(wire: Wire, model: str) -> Finding:
    settings = wire.settings
    name, place = model.rpartition("/")[2], settings.location
    url = url_of(f"{settings.host(place)}/v1", *model.split("/"))
    try:
        await wire.get(Resource, url)
    except NotFoundError as error:
        if error.code is not None:
            fix = "Check its name, and that it is offered at this location."
            return Finding("error", "model", f"{name} is not known in {place}", fix)
        return _unknown(name, error)
    except (AuthenticationError, APIConnectionError):
        raise
    except BatchyardError as error:
        return _unknown(name, error)
    return Finding("ok", "model", f"{name} is known in {place}")


def _unknown(name: str, error: BatchyardError) -> Finding:
    return Finding("warning", "model", f"{name} cannot be looked up: {error.message}")
