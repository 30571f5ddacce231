from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request

from batchyard.emulators import Quirks
from batchyard.emulators.openai_wire import ApiError, BatchRecord, Dialect, File, Model, find_model
from batchyard_azure.emulator._lists import selected
from batchyard_azure.emulator._orders import BlobOrders
from batchyard_azure.emulator._quirks import UNPROCESSED_REFUSED
from batchyard_azure.emulator._shapes import (
    HARMLESS,
    NO_CREDENTIALS,
    envelope,
    oddly,
    problems_as_text,
)
from batchyard_azure.emulator._tokens import OPENAI_AUDIENCES, Tokens

_DAY = 86_400

GA, PREVIEW = "2024-10-21", "2025-04-01-preview"
V1_VERSIONS = frozenset({"v1", "preview"})
DATED_VERSIONS = frozenset({GA, PREVIEW})

FAIL_FAST = frozenset(
    {
        *("australiaeast", "eastus", "eastus2", "germanywestcentral", "italynorth"),
        *("northcentralus", "polandcentral", "swedencentral", "switzerlandnorth", "westus"),
    }
)
"""Regions that refuse a create for which the queue has no room (Azure OpenAI how-to, batch)."""

MOST_HEADERS = 10
_USUAL = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "api-key", "authorization"),
        *("connection", "content-length", "content-type", "expect", "host"),
        *("idempotency-key", "transfer-encoding", "user-agent"),
    }
)
_OFFICIAL = "x-stainless-"
"""What the official SDK's own headers begin with; the service takes those."""

_VERSION: ContextVar[str] = ContextVar("_VERSION", default="v1")
"""That of the request which is being answered."""


@dataclass(frozen=True, slots=True)
class Resource:
    """What an emulated resource is made of."""

    keys: frozenset[str]
    quirks: Quirks
    deployments: Mapping[str, str] | None
    tokens: Tokens
    orders: BlobOrders
    region: str
    fails_fast: bool
    most_files: tuple[int, int]
    counts: dict[str, int] = field(default_factory=dict)

    def befalls(self, quirk: str) -> bool:
        """Whether a quirk that is worth a number of times happens once more."""
        seen = self.counts.get(quirk, 0)
        if seen >= self.quirks.value(quirk):
            return False
        self.counts[quirk] = seen + 1
        return True


class AzureDialect(Dialect):
    """Both APIs of Azure OpenAI (REST specifications of its authoring API; how-to, batch)."""

    bases = ("/openai/v1", "/openai")
    endpoints = ("/v1/chat/completions", "/v1/responses", "/chat/completions")
    cancel_refused_status = 409
    max_lines = 100_000
    batch_file_life = None
    window_seconds = None
    processing_seconds = 5.0
    has_empty_error_file = True
    list_parameters = ("$filter", "$orderby")
    bom_message = (
        "Validation failed: A valid model deployment name couldn't be extracted from the input "
        "file. Please ensure that each row in the input file has a valid deployment name "
        "specified in the 'model' field, and that the deployment name is consistent across all "
        "rows."
    )
    issue_codes: Mapping[str, str] = {
        "invalid_url": "url_mismatch",
        "mismatched_model": "model_mismatch",
        "missing_required_parameter": "invalid_request",
    }

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.keys)
        self._resource = resource
        self._quirks = resource.quirks
        self.fails_fast = resource.fails_fast
        plainly = "create-answers-200" in resource.quirks
        self.upload_status = self.create_status = 200 if plainly else 201

    def authenticate(self, headers: Mapping[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = token if scheme.lower() == "bearer" else ""
        if headers.get("api-key") and bearer:
            raise ApiError("An api-key and a token were given; give one of them.")
        key = headers.get("api-key") or bearer
        if not key:
            raise _unauthorized()
        if bearer.startswith("eyJ"):
            if self._resource.tokens.audience(bearer) not in OPENAI_AUDIENCES:
                raise _unauthorized()
        elif self.keys and key not in self.keys:
            raise ApiError(
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure "
                "to provide a valid key for an active subscription and use a correct regional API "
                "endpoint for your resource.",
                status=401,
                code="401",
            )

    def check_request(self, request: Request) -> None:
        version = request.query_params.get("api-version")
        if request.url.path.startswith("/openai/v1/"):
            if version not in {None, *V1_VERSIONS}:
                raise ApiError("API version not supported")
        else:
            if version not in DATED_VERSIONS:
                raise ApiError("Resource not found", status=404, code="unknown_url")
            token = request.headers.get("authorization", "").partition(" ")[2]
            if token and not token.startswith("eyJ"):
                raise _unauthorized()  # a key is no token here
        _VERSION.set(version or "v1")
        own = [
            name
            for name in request.headers
            if name not in _USUAL and not name.startswith(_OFFICIAL)
        ]
        if len(own) > MOST_HEADERS:
            raise ApiError("Request Header Fields Too Large", status=431, code="431")
        filters = {"$filter", "$orderby"} & set(request.query_params)
        if filters and version != PREVIEW:
            raise ApiError(f"Unknown parameter: '{filters.pop()}'.")

    def check_input_file(self, state: str | None) -> None:
        if self._resource.befalls("fail-fast"):
            message = self.token_limit_message("the deployment", 30_000)
            raise ApiError(message, code="token_limit_exceeded")
        if state == "pending" and UNPROCESSED_REFUSED in self._quirks:
            raise ApiError(
                "The input file is not in the state that the operation needs: it is pending.",
                status=409,
                code="unexpectedEntityState",
            )

    def check_part(self, content_type: str | None) -> None:
        if not (content_type or "").strip():
            raise ApiError("The file has no or an empty content type.", param="file")

    def check_quota(self, life: int | None, files: Sequence[File]) -> None:
        lasting, all_of_them = self._resource.most_files
        without = sum(1 for one in files if one.expires_at is None)
        if life is None and without >= lasting:
            raise ApiError(
                f"The quota for files without expiry is reached. The maximum is {lasting}.",
                code="quotaExceeded",
            )
        if len(files) >= all_of_them:
            raise ApiError(
                f"The quota for files is reached. The maximum is {all_of_them}.",
                code="quotaExceeded",
            )

    def file_life(self, life: int | None) -> int | None:
        """The first version of the API takes no notice of an expiry."""
        return None if _VERSION.get() == GA else life

    def read_order(self, body: dict[str, Any], now: float) -> dict[str, Any]:
        if "input_blob" not in body and "output_folder" not in body:
            return body
        if _VERSION.get() == GA:
            raise ApiError("Unknown parameter: 'input_blob'.", param="input_blob")
        return self._resource.orders.taken(body, now)

    def input_issue(self, file_id: str) -> tuple[str, str] | None:
        if "no-batch-sku" in self._quirks:
            return "invalid_request", "The deployment's SKU takes no batches."
        forbidden = "blobs-forbidden" in self._quirks
        return self._resource.orders.issue(file_id, forbidden=forbidden)

    def check_queue(self) -> bool:
        return not self._resource.befalls("queue-full")

    def create_headers(self, enqueued: int) -> dict[str, str]:
        return {
            "deployment-enqueued-tokens": str(enqueued),
            "deployment-maximum-enqueued-tokens": "5000000000",
        }

    def canonical_endpoint(self, endpoint: str) -> str:
        return endpoint if endpoint.startswith("/v1/") else f"/v1{endpoint}"

    def find_model(self, name: str) -> Model | None:
        deployments = self._resource.deployments
        if deployments is None:
            return find_model(name.removesuffix("-batch"))
        return find_model(deployments[name]) if name in deployments else None

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
            "x-ms-region": self._resource.region,
        }

    def upload_headers(self, file_id: str, request: Request) -> dict[str, str]:
        return {"location": f"{request.url.scheme}://{request.url.netloc}/openai/files/{file_id}"}

    def error_document(self, error: ApiError) -> dict[str, Any]:
        return envelope(error)

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

    def is_paged(self, what: str) -> bool:
        return _VERSION.get() != GA or what != "files"

    def page_document(self, document: dict[str, Any]) -> dict[str, Any]:
        shown = dict(document)
        if "lists-without-ids" in self._quirks or not self.is_paged("files"):
            shown = {
                name: one for name, one in shown.items() if name not in {"first_id", "last_id"}
            }
        if "value-lists" in self._quirks:
            shown["value"] = shown.pop("data")
        return shown

    def listed(
        self, batches: list[BatchRecord], query: Mapping[str, str], now: float
    ) -> list[BatchRecord]:
        return selected(batches, query.get("$filter"), query.get("$orderby"), now)

    def delete_status(self) -> int:
        return 204 if "silent-deletes" in self._quirks else 200

    def file_document(self, document: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in document.items() if name != "status_details"}
        if "null-counts" in self._quirks and shown["status"] == "pending":
            shown["bytes"] = None
        return oddly(shown, self._quirks)

    def batch_document(self, document: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in document.items() if name not in {"model", "usage"}}
        if shown["in_progress_at"] is not None and "no-expiry-shown" not in self._quirks:
            # a goal: late batches go on
            shown["expires_at"] = shown["created_at"] + _DAY
        if "failed-with-stamps" in self._quirks and shown["status"] == "failed":
            shown["completed_at"] = shown["failed_at"]
            shown["output_file_id"] = self.new_file_id("batch_output")
        if "null-counts" in self._quirks:
            shown["request_counts"] = dict.fromkeys(shown["request_counts"])
        if "empty-string-ids" in self._quirks:
            shown["endpoint"] = ""
            shown["output_file_id"] = shown["output_file_id"] or ""
            shown["error_file_id"] = shown["error_file_id"] or ""
        if "string-line-numbers" in self._quirks and shown["errors"]:
            shown["errors"] = problems_as_text(shown["errors"])
        shown = self._resource.orders.shown(shown)
        if "decoded-blob-urls" in self._quirks:
            named = [name for name in shown if name.endswith("_blob")]
            shown |= {name: unquote(shown[name]) for name in named}
        return oddly(shown, self._quirks)

    def row_document(self, document: dict[str, Any]) -> dict[str, Any]:
        response = document["response"]
        if response is not None:
            response = {name: response[name] for name in ("body", "request_id", "status_code")}
        error = document["error"]
        return {"custom_id": document["custom_id"], "response": response, "error": error}

    def answer_document(self, document: dict[str, Any]) -> dict[str, Any]:
        if document.get("object") != "chat.completion":
            return document
        cut = self._resource.befalls("filtered-completions")
        changes = {"finish_reason": "content_filter"} if cut else {}
        choices = [
            {**one, **changes, "content_filter_results": HARMLESS} for one in document["choices"]
        ]
        prompts = [{"prompt_index": 0, "content_filter_results": HARMLESS}]
        return {**document, "choices": choices, "prompt_filter_results": prompts}


def _unauthorized() -> ApiError:
    return ApiError(
        "Unauthorized. Access token is missing, invalid, audience is incorrect "
        "(https://cognitiveservices.azure.com), or have expired.",
        status=401,
        code=NO_CREDENTIALS,
    )
