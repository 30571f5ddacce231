from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from batchyard.emulators.openai_wire._errors import ApiError
from batchyard.emulators.openai_wire._models import ENDPOINT_KINDS, Model, find_model

_ALPHANUMERIC = string.ascii_letters + string.digits
_DAY = 86_400


class Dialect:
    """What a service that speaks the protocol may do its own way.

    The defaults are OpenAI's own. An emulator of another service overrides what differs.
    """

    bases: tuple[str, ...] = ("/v1",)
    """Paths under which `/files` and `/batches` are found."""
    endpoints: tuple[str, ...] = tuple(ENDPOINT_KINDS)
    upload_status = 200
    create_status = 200
    cancel_refused_status = 400
    organization = "org-emulator"

    max_lines = 50_000
    max_inputs = 50_000
    """Embedding inputs over all lines of a file."""
    max_file_bytes = 512 * 1024**2
    max_batch_file_bytes = 200 * 1024**2
    expiry_seconds = (3_600, 30 * _DAY)
    """The shortest and the longest life that a file may be given."""
    batch_file_life: int | None = 30 * _DAY
    window_seconds: int | None = _DAY
    """None: a late batch goes on until it is done."""
    processing_seconds = 0.0
    """Real-life seconds that an uploaded file is `pending`."""
    has_empty_error_file = False
    """Whether a clean run still ends with an error file, of no bytes."""
    issue_codes: Mapping[str, str] = {}
    """Other names for the codes of validation failures."""

    def __init__(self, keys: frozenset[str] = frozenset()) -> None:
        self.keys = keys

    def authenticate(self, headers: Mapping[str, str]) -> None:
        """Raise the `ApiError` that refuses the caller, if there is a reason."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise ApiError(
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
                status=401,
            )
        if not self.accepts_key(key):
            shown = f"{key[:5]}{'*' * 8}{key[-4:]}" if len(key) > 12 else "*" * len(key)
            raise ApiError(
                f"Incorrect API key provided: {shown}. You can find your API key at "
                "https://platform.openai.com/account/api-keys.",
                status=401,
                code="invalid_api_key",
            )

    def accepts_key(self, key: str) -> bool:
        return key in self.keys if self.keys else key.startswith("sk-")

    def check_request(self, request: Request) -> None:
        """Raise the `ApiError` with which any request of this kind is refused."""

    def check_input_file(self, state: str | None) -> None:
        """Raise the `ApiError` that refuses a batch over a file in this state (None: no file).

        OpenAI looks at the file only later, in validation.
        """

    def canonical_endpoint(self, endpoint: str) -> str:
        """The endpoint, as the emulator's tables name it."""
        return endpoint

    def find_model(self, name: str) -> Model | None:
        """The model that a line's `body.model` stands for."""
        return find_model(name)

    def new_file_id(self, purpose: str) -> str:  # noqa: ARG002 - other services need it
        return "file-" + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(22))

    def new_batch_id(self, now: float) -> str:
        return f"batch_{int(now):08x}{secrets.token_hex(12)}"

    def headers(self, request: Request) -> dict[str, str]:
        """Headers of every reply."""
        return {
            "openai-version": "2020-10-01",
            "openai-organization": self.organization,
            "openai-project": request.headers.get("openai-project", "proj_emulator"),
            "openai-processing-ms": "17",
            "x-request-id": f"req_{uuid.uuid4().hex}",
        }

    def error_document(self, error: ApiError) -> dict[str, Any]:
        return {
            "error": {
                "message": error.message,
                "type": error.kind,
                "param": error.param,
                "code": error.code,
            }
        }

    def upload_headers(
        self,
        file_id: str,  # noqa: ARG002 - other services need it
        request: Request,  # noqa: ARG002 - the same
    ) -> dict[str, str]:
        """Further headers of the reply to an upload."""
        return {}

    def file_document(self, document: dict[str, Any]) -> dict[str, Any]:
        """A file object, as this service shows it."""
        return document

    def batch_document(self, document: dict[str, Any]) -> dict[str, Any]:
        """A batch object, as this service shows it."""
        return document

    def row_document(self, document: dict[str, Any]) -> dict[str, Any]:
        """A result line, as this service writes it."""
        return document

    def answer_document(self, document: dict[str, Any]) -> dict[str, Any]:
        """The body of a good answer, as this service gives it."""
        return document

    def policy_error(self) -> ApiError:
        """What a row that breaks the content policy is answered with."""
        return ApiError(
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy. "
            "Please try again with a different prompt.",
            code="invalid_prompt",
        )

    def token_limit_message(self, model: str, limit: int) -> str:
        return (
            f"Enqueued token limit reached for {model} in organization {self.organization}. "
            f"Limit: {limit:,} enqueued tokens. Please try again once some in_progress batches "
            "have been completed."
        )
