"""Services that speak OpenAI's protocol their own way, on a loopback port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from starlette.requests import Request

from batchyard.emulators import Trial
from batchyard.emulators.openai_wire import (
    ApiError,
    Dialect,
    Model,
    OpenAIWireEmulator,
    find_model,
)
from batchyard_openai._hosts import named
from batchyard_openai._settings import HOST_VARIABLE

__all__ = ["GroqEmulator", "PerplexityEmulator", "TogetherEmulator"]

CHAT = "/v1/chat/completions"


class _HostDialect(Dialect):
    """A host that has chat completions only, under its own models' names."""

    endpoints = (CHAT,)
    organization = "org-host"
    models: tuple[str, ...] = ()

    def accepts_key(self, key: str) -> bool:
        return key in self.keys if self.keys else bool(key)

    def find_model(self, name: str) -> Model | None:
        known = find_model("gpt-4.1-mini") if name in self.models else None
        return known and replace(known, snapshot=name)


class _GroqDialect(_HostDialect):
    bases = ("/openai/v1",)
    windows = ("24h", "7d")
    models = ("llama-3.3-70b-versatile", "openai/gpt-oss-20b", "openai/gpt-oss-120b")
    max_batch_file_bytes = 100_000_000


class _PerplexityDialect(_HostDialect):
    """Looks at lines when they are uploaded, takes no expiry, and keeps idempotency keys."""

    models = ("sonar", "sonar-pro")
    validates_uploads = True

    def read_form(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        if any(name.startswith("expires_after") for name in fields):
            raise ApiError("expires_after is not supported.", param="expires_after")
        return fields

    def read_order(self, body: dict[str, Any], now: float) -> dict[str, Any]:
        if "output_expires_after" in body:
            raise ApiError("output_expires_after is not supported.", param="output_expires_after")
        return body

    def creation_key(self, headers: Mapping[str, str]) -> str | None:
        return headers.get("idempotency-key")


class _TogetherDialect(_HostDialect):
    """Lines without method and url, a create that answers with a job, lists without an envelope."""

    upload_path = "/files/upload"
    create_status = 201
    cancel_refused_status = 409
    models = ("meta-llama/Llama-3.3-70B-Instruct-Turbo",)
    max_batch_file_bytes = 100_000_000

    def check_request(self, request: Request) -> None:
        if not request.headers.get("user-agent"):
            raise ApiError("error code: 1010", status=403)

    def error_document(self, error: ApiError) -> dict[str, Any]:
        return {"error": error.message}

    def read_form(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        purpose, name = fields.get("purpose"), fields.get("file_name")
        if purpose != "batch-api":
            raise ApiError("purpose must be batch-api", param="purpose")
        rest = {key: one for key, one in fields.items() if key not in {"purpose", "file_name"}}
        if name is None or rest:
            raise ApiError("file_name is required, and nothing else is taken", param="file_name")
        return {"purpose": "batch"}

    def read_order(self, body: dict[str, Any], now: float) -> dict[str, Any]:
        known = {"input_file_id", "endpoint", "completion_window", "priority", "model_id"}
        if foreign := sorted(set(body) - known):
            raise ApiError(f"unknown field {foreign[0]}", param=foreign[0])
        wanted = {"completion_window": "24h", **body}
        return {name: one for name, one in wanted.items() if name not in {"priority", "model_id"}}

    def read_line(self, line: dict[str, Any], endpoint: str) -> dict[str, Any]:
        if foreign := sorted(set(line) - {"custom_id", "body"}):
            raise ApiError(f"unknown field {foreign[0]}", param=foreign[0])
        if len(str(line.get("custom_id"))) > 64:
            raise ApiError("custom_id has more than 64 characters", param="custom_id")
        return {**line, "method": "POST", "url": endpoint}

    def is_paged(self, what: str) -> bool:
        return False

    def page_document(self, document: dict[str, Any]) -> Any:
        return document["data"]

    def created_document(self, document: dict[str, Any]) -> dict[str, Any]:
        return {"job": document}

    def batch_document(self, document: dict[str, Any]) -> dict[str, Any]:
        counts = document["request_counts"]
        done = counts["completed"] + counts["failed"]
        kept = ("id", "input_file_id", "endpoint", "output_file_id", "error_file_id", "created_at")
        errors = document["errors"]
        return {
            **{name: document[name] for name in kept},
            "status": document["status"].upper().replace("CANCELLING", "CANCELING"),
            "progress": 100 * done // counts["total"] if counts["total"] else 0,
            "error": errors["data"][0]["message"] if errors else None,
            "completed_at": document["completed_at"],
        }

    def row_document(self, document: dict[str, Any]) -> dict[str, Any]:
        response, error = document["response"], document["error"]
        if error is None and response and response["status_code"] == 200:
            return document
        message = error["message"] if error else (response or {}).get("body", {}).get("error")
        code = "batch_client_error" if error is None else error["code"]
        found = {"code": code, "message": message}
        return {"id": document["id"], "custom_id": document["custom_id"], "error": found}


class _HostEmulator(OpenAIWireEmulator):
    provider: ClassVar[str | None] = "openai"

    def environment(self, url: str) -> dict[str, str]:
        """Variables that point the `openai` account, and the service's own SDK, at `url`."""
        host = named(self.name)
        key = self.keys[0] if self.keys else "key-emulator-0000000000000000"
        base = f"{url}{self._dialect.bases[0]}".removesuffix(host.url_path)
        variables = {host.key: key, host.url: base}
        known = {name: value for name, value in variables.items() if name is not None}
        return {HOST_VARIABLE: self.name, **known}


def _trial(model: str, create: str = "POST /v1/batches") -> Trial:
    return Trial(model, {"temperature": 9}, create, expiry={"finished_before_expiry": 1})


class GroqEmulator(_HostEmulator):
    """Answers as api.groq.com would."""

    name: ClassVar[str] = "groq"
    dialect: ClassVar[type[Dialect]] = _GroqDialect
    trial: ClassVar[Trial | None] = _trial("llama-3.3-70b-versatile", "POST /openai/v1/batches")


class PerplexityEmulator(_HostEmulator):
    """Answers as api.perplexity.ai would."""

    name: ClassVar[str] = "perplexity"
    dialect: ClassVar[type[Dialect]] = _PerplexityDialect
    trial: ClassVar[Trial | None] = _trial("sonar")


class TogetherEmulator(_HostEmulator):
    """Answers as api.together.ai would."""

    name: ClassVar[str] = "together"
    dialect: ClassVar[type[Dialect]] = _TogetherDialect
    trial: ClassVar[Trial | None] = _trial("meta-llama/Llama-3.3-70B-Instruct-Turbo")
