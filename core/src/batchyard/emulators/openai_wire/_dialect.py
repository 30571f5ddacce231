from __future__ import annotations

import secrets
import string
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from batchyard.emulators.openai_wire._errors import ApiError
from batchyard.emulators.openai_wire._models import ENDPOINT_KINDS, Model, find_model

if TYPE_CHECKING:
    from batchyard.emulators.openai_wire._batches import BatchRecord
    from batchyard.emulators.openai_wire._files import File

_ALPHANUMERIC = string.ascii_letters + string.digits
_DAY = 86_400


class Dialect:
    """What a service that speaks the protocol may do its own way.

    The defaults are OpenAI's own. An emulator of another service overrides what differs.
    """

    bases: tuple[str, ...] = ("/v1",)
    """Paths under which `/files` and `/batches` are found."""
    endpoints: tuple[str, ...] = tuple(ENDPOINT_KINDS)
    upload_path = "/files"
    """Where files are posted to, below a base."""
    windows: tuple[str, ...] = ("24h",)
    """Completion windows that a create may ask for."""
    validates_uploads = False
    """Whether a batch's input is looked through when it is uploaded already."""
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
    bom_message: str | None = None
    """What is said of a file that begins with a byte order mark; None: that it is not JSON."""
    fails_fast = False
    """Whether a create is refused for which the queue has no room, and does not fail later."""
    list_parameters: tuple[str, ...] = ()
    """Parameters of a list of batches besides `after` and `limit`."""

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

    def check_part(self, content_type: str | None) -> None:
        """Raise the `ApiError` that refuses an upload whose file has this type in its form."""

    def file_life(self, life: int | None) -> int | None:
        """The life that a file gets which was asked for with this one, in seconds."""
        return life

    def check_quota(self, life: int | None, files: Sequence[File]) -> None:
        """Raise the `ApiError` that refuses one more file, with this life, beside these."""

    def read_order(self, body: dict[str, Any], now: float) -> dict[str, Any]:  # noqa: ARG002 - other services need it
        """What a create asks for, in the words of the protocol."""
        return body

    def read_form(self, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The fields of an upload's form, in the words of the protocol."""
        return fields

    def read_line(self, line: dict[str, Any], endpoint: str) -> dict[str, Any]:  # noqa: ARG002 - other services need it
        """A line of a batch's input, in the words of the protocol.

        What is raised is the `ApiError` with whose message the whole batch fails.
        """
        return line

    def input_issue(self, file_id: str) -> tuple[str, str] | None:  # noqa: ARG002 - other services need it
        """Code and message with which a batch fails that cannot have this file for its input."""
        return None

    def check_queue(self) -> bool:
        """Whether there is room in the queue, whatever the limits say; asked once a batch."""
        return True

    def creation_key(self, headers: Mapping[str, str]) -> str | None:  # noqa: ARG002 - other services need it
        """What two creates have in common of which the second makes nothing new."""
        return None

    def create_headers(self, enqueued: int) -> dict[str, str]:  # noqa: ARG002 - other services need it
        """Further headers of the reply to a create, with the tokens that are enqueued by then."""
        return {}

    def is_paged(self, what: str) -> bool:  # noqa: ARG002 - other services need it
        """Whether the list of `files` or `batches` comes in pages."""
        return True

    def page_document(self, document: dict[str, Any]) -> Any:
        """A page of a list, as this service shows it."""
        return document

    def created_document(self, document: dict[str, Any]) -> dict[str, Any]:
        """A batch object in the reply to a create, which is a `batch_document` already."""
        return document

    def listed(
        self,
        batches: list[BatchRecord],
        query: Mapping[str, str],  # noqa: ARG002 - other services need it
        now: float,  # noqa: ARG002 - the same
    ) -> list[BatchRecord]:
        """Those of the batches, oldest first, that a list shows."""
        return batches

    def delete_status(self) -> int:
        """What a delete is answered with; 204 comes without a body."""
        return 200

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
