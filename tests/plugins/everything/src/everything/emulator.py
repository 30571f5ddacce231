from __future__ import annotations

import json
from typing import ClassVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from batchyard.emulators import Emulator, Quirk


class EverythingEmulator(Emulator):
    """Answers every line with its own ``custom_id``, at once."""

    name: ClassVar[str] = "everything"
    known_quirks = (Quirk("mute", "says nothing"),)

    def environment(self, url: str) -> dict[str, str]:
        return {"EVERYTHING_KEY": "emulated", "EVERYTHING_URL": url}

    def error_document(self, status: int, message: str) -> object:
        return {"status": status, "message": message}

    def service(self) -> ASGIApp:
        files: dict[str, bytes] = {}
        batches: dict[str, dict[str, object]] = {}

        async def upload(request: Request) -> Response:
            name = request.path_params["name"]
            files[name] = await request.body()
            return JSONResponse({"id": name, "bytes": len(files[name]), "filename": name})

        async def content(request: Request) -> Response:
            return Response(files[request.path_params["name"]])

        async def create(request: Request) -> Response:
            order = await request.json()
            lines = files[order["input"]].splitlines()
            files["out.jsonl"] = b"".join(answer(line) for line in lines)
            batches["batch-1"] = {
                "id": "batch-1",
                "status": "completed",
                "endpoint": order["endpoint"],
                "input_file_id": order["input"],
                "output_file_id": "out.jsonl",
            }
            return JSONResponse({**batches["batch-1"], "status": "validating"})

        async def retrieve(request: Request) -> Response:
            return JSONResponse(batches[request.path_params["name"]])

        return Starlette(
            routes=[
                Route("/files/{name}", upload, methods=["PUT"]),
                Route("/files/{name}", content),
                Route("/batches", create, methods=["POST"]),
                Route("/batches/{name}", retrieve),
            ]
        )


def answer(line: bytes) -> bytes:
    name = json.loads(line)["custom_id"]
    body = {"said": name, "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}
    response = {"status_code": 200, "request_id": "r", "body": body}
    return json.dumps({"custom_id": name, "response": response, "error": None}).encode() + b"\n"
