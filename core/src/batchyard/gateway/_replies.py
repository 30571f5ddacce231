"""Replies in JSON."""

from __future__ import annotations

from pydantic import BaseModel
from starlette.responses import Response

__all__ = ["json_reply"]


def json_reply(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type="application/json")
