"""The document that describes the API, made from its operations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import TypeAdapter
from starlette.convertors import PathConvertor
from starlette.routing import compile_path

from batchyard.gateway.routes._operations import ID, Answer, Operation, Parameter

__all__ = ["document_of"]

_KINDS = re.compile(r":\w+(?=})")
"""What Starlette is told of a parameter of a path."""

ALWAYS = (400, 401, 403, 408, 414, 429, 431, 500, 503)
"""Refusals that any operation may answer with; some of them before its path is looked at."""

ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
                "data": {
                    "type": "array",
                    "description": "of a file, each of its bad lines",
                    "items": {"type": "object"},
                },
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}

DESCRIPTION = """\
Files and batches as clients know them, over a ledger; and what a batch came to.

Every operation is there under `/v1`, without it, and behind a provider's name:
`/v1/batches`, `/batches`, `/{provider}/v1/batches`. Every reply has a header `x-request-id`.
Errors have the envelope that clients know. Where the gateway cannot reach its own records
it answers 503 with `Retry-After`; an outage of a provider is no error of a request, but the
`reason` of a job in `/batches/{batch_id}/events`."""


def document_of(operations: Sequence[Operation], bare: Sequence[Operation] = ()) -> dict[str, Any]:
    """OpenAPI 3.1; *bare* are those that have no prefix."""
    schemas: dict[str, Any] = {"Error": ERROR}
    paths: dict[str, dict[str, Any]] = {}
    for prefix, those in (("/v1", operations), ("", bare)):
        for one in those:
            path = prefix + _KINDS.sub("", one.path)
            paths.setdefault(path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Batchyard gateway",
            "version": version("batchyard"),
            "description": DESCRIPTION,
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": _name(one),
        "summary": one.summary,
        "tags": [one.tag],
        "parameters": [*_in_path(one.path), *map(_parameter, one.parameters)],
        "responses": {
            **{str(answer.status): _answer(answer, schemas) for answer in one.answers},
            **{str(status): _refusal(status) for status in sorted({*one.errors, *ALWAYS})},
        },
    }
    if one.description:
        found["description"] = one.description
    if one.body:
        content = {kind: {"schema": _schema(body, schemas)} for kind, body in one.body.items()}
        found["requestBody"] = {"required": True, "content": content}
    return found


def _name(one: Operation) -> str:
    words = [word.strip("{}") for word in _KINDS.sub("", one.path).split("/") if word]
    return "_".join([one.method.lower(), *words])


def _in_path(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1}
            if isinstance(kind, PathConvertor)
            else {"type": "string", "pattern": ID},
        }
        for name, kind in compile_path(path)[2].items()
    ]


def _parameter(one: Parameter) -> dict[str, Any]:
    found = {
        "name": one.name,
        "in": one.where,
        "required": one.required,
        "description": one.description,
        "schema": dict(one.schema),
    }
    if one.schema.get("type") == "object":
        found |= {"style": "deepObject", "explode": True}
    return found


def _answer(answer: Answer, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.description}
    if answer.media_type:
        schema = _schema(answer.model, schemas) if answer.model is not None else {}
        found["content"] = {answer.media_type: {"schema": schema} if schema else {}}
    return found


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _schema(model: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, or the reference to one that is put beside the others."""
    if isinstance(model, Mapping):
        return _moved(dict(model), schemas)
    made = _of_type(model)
    name = str(made.get("title", "Object")).replace("[", "Of").replace("]", "")
    schemas[name] = _public(_moved(made, schemas))
    return {"$ref": f"#/components/schemas/{name}"}


@cache
def _of_type(model: Any) -> dict[str, Any]:
    return TypeAdapter(model).json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )


def _moved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Without its definitions, which all schemas share."""
    for name, one in schema.get("$defs", {}).items():
        schemas[name] = _public(one)
    return {name: one for name, one in schema.items() if name != "$defs"}


def _public(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the docstring, which is for who reads the code."""
    return {name: one for name, one in schema.items() if name != "description"}
