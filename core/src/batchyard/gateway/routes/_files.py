"""``/files``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from batchyard.gateway._callers import Caller
from batchyard.gateway._contents import MEDIA_TYPE, file_response
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._queries import Query
from batchyard.gateway._replies import created, json_reply
from batchyard.gateway._uploads import UPLOAD, uploaded
from batchyard.gateway.routes._operations import Answer, Operation, Parameter, id_of
from batchyard.gateway.routes._parameters import HINTS, IDEMPOTENCY_KEY, RANGES, paged
from batchyard.models import FileDeleted, FileObject, FileReport, Page

__all__ = ["FILES"]

MOST = 10_000
"""Files of a page (OpenAI API reference, list files)."""


async def _create(gateway: Gateway, caller: Caller, request: Request) -> Response:
    return created(await uploaded(gateway, caller, request))


async def _list(gateway: Gateway, caller: Caller, request: Request) -> Response:
    query = Query(request)
    page = query.page(MOST, ordered=True)
    query.end()
    return json_reply(await gateway.ledger.list_files(page, owner=caller.owner))


async def _retrieve(gateway: Gateway, caller: Caller, request: Request) -> Response:
    file_id = id_of(request, "file_id")
    return json_reply(await gateway.ledger.retrieve_file(file_id, owner=caller.owner))


async def _delete(gateway: Gateway, caller: Caller, request: Request) -> Response:
    file_id = id_of(request, "file_id")
    return json_reply(await gateway.ledger.delete_file(file_id, owner=caller.owner))


async def _content(gateway: Gateway, caller: Caller, request: Request) -> Response:
    query = Query(request)
    order = query.one_of("order", ("input", "completed"))
    query.end()
    file = await gateway.ledger.file(id_of(request, "file_id"), owner=caller.owner)
    return await file_response(gateway.ledger, file, request, as_completed=order == "completed")


async def _report(gateway: Gateway, caller: Caller, request: Request) -> Response:
    file_id = id_of(request, "file_id")
    return json_reply(await gateway.ledger.report_of_file(file_id, owner=caller.owner))


FILE = Answer("The file.", FileObject)

FILES = (
    Operation(
        "POST",
        "/files",
        _create,
        "Upload a file of requests",
        "Every line is checked while it arrives, and every bad line is named. "
        "Of a file that is refused nothing is kept; no provider is called.",
        (IDEMPOTENCY_KEY, *HINTS),
        {"multipart/form-data": UPLOAD},
        (FILE,),
        (400, 408, 409, 413, 415, 429),
        "Files",
    ),
    Operation(
        "GET",
        "/files",
        _list,
        "List files",
        "Your files, those of results too; the newest first.",
        (
            *paged(MOST),
            Parameter(
                "order",
                "By when they were created.",
                {"type": "string", "enum": ["asc", "desc"], "default": "desc"},
            ),
            Parameter(
                "purpose",
                "Only files of this purpose: `batch`, or `batch_output` of results.",
                {"type": "string", "maxLength": 512},
            ),
        ),
        answers=(Answer("A page.", Page[FileObject]),),
        errors=(400,),
        tag="Files",
    ),
    Operation(
        "GET",
        "/files/{file_id}",
        _retrieve,
        "Retrieve a file",
        answers=(FILE,),
        errors=(404,),
        tag="Files",
    ),
    Operation(
        "DELETE",
        "/files/{file_id}",
        _delete,
        "Delete a file",
        "Refused while a batch that is not settled needs it.",
        answers=(Answer("It is gone.", FileDeleted),),
        errors=(404, 409),
        tag="Files",
    ),
    Operation(
        "GET",
        "/files/{file_id}/content",
        _content,
        "Download a file",
        "With its length, an ETag, and parts of it on demand. "
        "Results come in the order of the input.",
        (
            Parameter(
                "order",
                "The order of results: that of the input, or as they were completed.",
                {"type": "string", "enum": ["input", "completed"], "default": "input"},
            ),
            *RANGES,
        ),
        answers=(
            Answer("All of it.", media_type=MEDIA_TYPE),
            Answer("The part that was asked for.", media_type=MEDIA_TYPE, status=206),
            Answer("It is what you have already.", media_type="", status=304),
        ),
        errors=(400, 404, 416),
        tag="Files",
    ),
    Operation(
        "GET",
        "/files/{file_id}/report",
        _report,
        "See what gates made of a file",
        "Which lines were refused and rewritten, and why: counts, and some of them.",
        answers=(Answer("The report.", FileReport),),
        errors=(404,),
        tag="Files",
    ),
)
