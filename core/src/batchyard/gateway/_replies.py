"""Replies in JSON."""

from __future__ import annotations

from pydantic import BaseModel
from starlette.responses import Response

from batchyard.models import Batch, FileObject

__all__ = ["REPLAYED", "created", "json_reply"]

REPLAYED = "Idempotency-Replayed"
"""The header of an answer with what an earlier request has created."""


def json_reply(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")


def created(model: Batch | FileObject) -> Response:
    """The new object, or the one that its idempotency key stands for."""
    response = json_reply(model)
    if model.replayed:
        response.headers[REPLAYED] = "true"
    return response
