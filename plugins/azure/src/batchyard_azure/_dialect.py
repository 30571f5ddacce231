from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from batchyard.emulators import Quirks
from batchyard.emulators.openai_wire import ApiError, Dialect, Model, find_model
from batchyard_azure._quirks import UNPROCESSED_REFUSED

_DAY = 86_400
_NO_CREDENTIALS = "no_credentials"
_CODES = frozenset(
    {
        *("conflict", "invalidPayload", "forbidden", "notFound", "unexpectedEntityState"),
        *("itemDoesAlreadyExist", "serviceUnavailable", "internalFailure", "quotaExceeded"),
        *("jsonlValidationFailed", "fileImportFailed", "tooManyRequests", "unauthorized"),
        *("contentFilter", "token_limit_exceeded", "401", "404", "429"),
    }
)
"""What an error's code may be; others are for a status' usual one."""
_CODE_OF_STATUS = {
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    429: "429",
    500: "internalFailure",
    503: "serviceUnavailable",
}
_SAFE = {"filtered": False, "severity": "safe"}
_HARMLESS = dict.fromkeys(("hate", "self_harm", "sexual", "violence"), _SAFE)
_FILTERED = {**_HARMLESS, "violence": {"filtered": True, "severity": "medium"}}


class AzureDialect(Dialect):
    """The v1 API of Azure OpenAI (REST specification of its authoring API; how-to, batch)."""

    bases = ("/openai/v1",)
    endpoints = ("/v1/chat/completions", "/v1/responses", "/chat/completions")
    upload_status = 201
    create_status = 201
    cancel_refused_status = 409
    max_lines = 100_000
    batch_file_life = None
    window_seconds = None
    processing_seconds = 5.0
    has_empty_error_file = True
    issue_codes: Mapping[str, str] = {
        "invalid_url": "url_mismatch",
        "mismatched_model": "model_mismatch",
        "missing_required_parameter": "invalid_request",
    }

    def __init__(
        self, keys: frozenset[str], quirks: Quirks, deployments: Mapping[str, str] | None
    ) -> None:
        super().__init__(keys)
        self._quirks = quirks
        self._deployments = deployments
        self._refused = 0

    def authenticate(self, headers: Mapping[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = headers.get("api-key") or (token if scheme.lower() == "bearer" else "")
        if not key:
            raise ApiError(
                "Unauthorized. Access token is missing, invalid, audience is incorrect "
                "(https://cognitiveservices.azure.com), or have expired.",
                status=401,
                code=_NO_CREDENTIALS,
            )
        if self.keys and key not in self.keys:
            raise ApiError(
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure "
                "to provide a valid key for an active subscription and use a correct regional API "
                "endpoint for your resource.",
                status=401,
                code="401",
            )

    def check_request(self, request: Request) -> None:
        if request.query_params.get("api-version", "v1") not in {"v1", "preview"}:
            raise ApiError("API version not supported")

    def check_input_file(self, state: str | None) -> None:
        if self._refused < self._quirks.value("fail-fast"):
            self._refused += 1
            raise ApiError(
                self.token_limit_message("the deployment", 30_000), code="token_limit_exceeded"
            )
        if state == "pending" and UNPROCESSED_REFUSED in self._quirks:
            raise ApiError(
                "The input file is not in the state that the operation needs: it is pending.",
                status=409,
                code="unexpectedEntityState",
            )

    def canonical_endpoint(self, endpoint: str) -> str:
        return endpoint if endpoint.startswith("/v1/") else f"/v1{endpoint}"

    def find_model(self, name: str) -> Model | None:
        if self._deployments is None:
            return find_model(name.removesuffix("-batch"))
        return find_model(self._deployments[name]) if name in self._deployments else None

    def new_file_id(self, purpose: str) -> str:
        made = uuid.uuid4()
        return f"file-{made if purpose == 'batch_output' else made.hex}"

    def new_batch_id(self, now: float) -> str:
        return f"batch_{uuid.uuid4()}"

    def headers(self, request: Request) -> dict[str, str]:
        own = uuid.uuid4()
        return {
            "apim-request-id": str(own),
            "x-ms-client-request-id": request.headers.get("x-ms-client-request-id", str(own)),
            "x-ms-region": "Sweden Central",
        }

    def upload_headers(self, file_id: str, request: Request) -> dict[str, str]:
        return {"location": f"{request.url.scheme}://{request.url.netloc}/openai/files/{file_id}"}

    def error_document(self, error: ApiError) -> dict[str, Any]:
        if error.code == _NO_CREDENTIALS:
            return {"statusCode": error.status, "message": error.message}
        if error.code == "unknown_url":
            return {"error": {"code": "404", "message": "Resource not found"}}
        if error.code == "content_filter":
            return _blocked(error)
        usual = _CODE_OF_STATUS.get(error.status, "invalidPayload")
        code = error.code if error.code in _CODES else usual
        return {"error": {"code": code, "message": error.message}}

    def policy_error(self) -> ApiError:
        return ApiError(
            "The response was filtered due to the prompt triggering the content management "
            "policy. Please modify your prompt and retry.",
            param="prompt",
            code="content_filter",
        )

    def token_limit_message(self, model: str, limit: int) -> str:
        return (
            "The number of enqueued tokens has surpassed the configured limit of "
            f"{limit / 1000:g}K for the deployment '{model}'. Please either increase the limit or "
            "try again once the current jobs have finished."
        )

    def file_document(self, document: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in document.items() if name != "status_details"}
        if "null-counts" in self._quirks and shown["status"] == "pending":
            shown["bytes"] = None
        return self._odd(shown)

    def batch_document(self, document: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in document.items() if name not in {"model", "usage"}}
        if shown["in_progress_at"] is not None:
            # a goal: late batches go on
            shown["expires_at"] = shown["created_at"] + _DAY
        if "null-counts" in self._quirks:
            shown["request_counts"] = dict.fromkeys(shown["request_counts"])
        if "empty-string-ids" in self._quirks:
            shown["endpoint"] = ""
            shown["output_file_id"] = shown["output_file_id"] or ""
            shown["error_file_id"] = shown["error_file_id"] or ""
        if "string-line-numbers" in self._quirks and shown["errors"]:
            shown["errors"] = {**shown["errors"], "data": _lines_as_text(shown["errors"]["data"])}
        return self._odd(shown)

    def _odd(self, shown: dict[str, Any]) -> dict[str, Any]:
        """An object with its status and its times as some versions write them."""
        if "capitalised-statuses" in self._quirks:
            words = shown["status"].split("_")
            shown["status"] = "".join(word.capitalize() for word in words)
        if "iso-timestamps" in self._quirks:
            times = {name: value for name, value in shown.items() if name.endswith("_at") and value}
            shown |= {name: _iso(value) for name, value in times.items()}
        return shown

    def row_document(self, document: dict[str, Any]) -> dict[str, Any]:
        response = document["response"]
        if response is not None:
            response = {name: response[name] for name in ("body", "request_id", "status_code")}
        error = document["error"]
        return {"custom_id": document["custom_id"], "response": response, "error": error}

    def answer_document(self, document: dict[str, Any]) -> dict[str, Any]:
        if document.get("object") != "chat.completion":
            return document
        choices = [{**one, "content_filter_results": _HARMLESS} for one in document["choices"]]
        prompts = [{"prompt_index": 0, "content_filter_results": _HARMLESS}]
        return {**document, "choices": choices, "prompt_filter_results": prompts}


def _blocked(error: ApiError) -> dict[str, Any]:
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": _FILTERED}
    return {
        "error": {
            "message": error.message,
            "type": None,
            "param": error.param,
            "code": error.code,
            "status": error.status,
            "innererror": inner,
        }
    }


def _lines_as_text(problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "line": one["line"] and str(one["line"])} for one in problems]


def _iso(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.2491382+00:00"
