"""``/files``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from batchyard.gateway._callers import Caller
from batchyard.gateway._contents import file_response
from batchyard.gateway._gateway import Gateway
from batchyard.gateway._queries import Query
from batchyard.gateway._replies import json_reply
from batchyard.gateway._uploads import uploaded
from batchyard.gateway.routes._operations import Operation

__all__ = ["FILES"]

MOST = 10_000
"""Files of a page (OpenAI API reference, list files)."""


async def _create(gateway: Gateway, caller: Caller, request: Request) -> Response:
    return json_reply(await uploaded(gateway, caller, request))


async def _list(gateway: Gateway, caller: Caller, request: Request) -> Response:
    query = Query(request)
    page = query.page(MOST, ordered=True)
    query.end()
    return json_reply(await gateway.ledger.list_files(page, owner=caller.owner))


async def _retrieve(gateway: Gateway, caller: Caller, request: Request) -> Response:
    file_id = request.path_params["file_id"]
    return json_reply(await gateway.ledger.retrieve_file(file_id, owner=caller.owner))


async def _delete(gateway: Gateway, caller: Caller, request: Request) -> Response:
    file_id = request.path_params["file_id"]
    return json_reply(await gateway.ledger.delete_file(file_id, owner=caller.owner))


async def _content(gateway: Gateway, caller: Caller, request: Request) -> Response:
    query = Query(request)
    order = query.one_of("order", ("input", "completed"))
    query.end()
    file = await gateway.ledger.file(request.path_params["file_id"], owner=caller.owner)
    return file_response(gateway.ledger, file, request, as_completed=order == "completed")


async def _report(gateway: Gateway, caller: Caller, request: Request) -> Response:
    file_id = request.path_params["file_id"]
    return json_reply(await gateway.ledger.report_of_file(file_id, owner=caller.owner))


FILES = (
    Operation("POST", "/files", _create, "Upload a file of requests"),
    Operation("GET", "/files", _list, "List files"),
    Operation("GET", "/files/{file_id}", _retrieve, "Retrieve a file"),
    Operation("DELETE", "/files/{file_id}", _delete, "Delete a file"),
    Operation("GET", "/files/{file_id}/content", _content, "Download a file"),
    Operation("GET", "/files/{file_id}/report", _report, "See what gates made of a file"),
)
