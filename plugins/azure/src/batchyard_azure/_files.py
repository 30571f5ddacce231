"""Files until they can be used."""

from __future__ import annotations

from batchyard.effects import Now, Sleep
from batchyard.errors import BadRequestError, WaitTimeoutError
from batchyard.models import Call, FileDeleted, FileObject, Ref
from batchyard.steps import call as send
from batchyard.steps import openai_wire, parse, retrying

__all__ = ["delete_file", "processed", "shown", "usable"]

WAITING = frozenset({"uploaded", "pending", "running"})
LOST = frozenset({"error", "deleting", "deleted"})

FIRST, FACTOR, CAP = 0.5, 2.0, 10.0
"""Seconds between two looks at a file: at first, growing by the factor, and at most."""


def shown(file: FileObject) -> FileObject:
    """The file with its status as OpenAI writes it; this service does so in any case."""
    status = file.status.lower() if file.status else file.status
    return file if status == file.status else file.model_copy(update={"status": status})


def usable(file: FileObject) -> bool:
    """Whether a batch can be made of the file, now or later."""
    return shown(file).status not in LOST


async def processed(
    wire: openai_wire.Wire, call: Call, file: FileObject, longest: float
) -> FileObject:
    """The file as soon as a batch can be made of it, looked at for *longest* seconds.

    Raises :class:`BadRequestError` for a file that the service cannot use, and
    :class:`WaitTimeoutError` when it takes too long.
    """
    deadline, pause = await Now() + longest, FIRST
    current = shown(file)
    while current.status in WAITING:
        left = deadline - await Now()
        if left <= 0:
            raise WaitTimeoutError(
                f"file {file.id} is still {current.status} after {longest:g} s; it is kept, and a "
                "batch can be created with it later (or wait longer: processing_timeout)"
            )
        await Sleep(min(pause, left))
        pause = min(pause * FACTOR, CAP)
        current = shown(await openai_wire.retrieve_file(wire, call, Ref(file.id)))
    if not usable(current):
        why = f": {current.status_details}" if current.status_details else ""
        raise BadRequestError(
            f"file {file.id} cannot be used, its status is {current.status}{why}",
            code="file_error",
            param="file",
        )
    return current


async def delete_file(wire: openai_wire.Wire, call: Call, file: Ref) -> FileDeleted:
    """Delete; older services say nothing but 204."""

    async def attempt() -> FileDeleted:
        request = await wire.request(call, "DELETE", wire.url("files", file.id))
        reply = await send(request, wire.refuse)
        return FileDeleted(id=file.id) if reply.status == 204 else parse(FileDeleted, reply)

    return await retrying(attempt, wire.backoff(call))
