"""What happens to an input file while its batch is `validating`."""

from __future__ import annotations

import codecs
import hashlib
from array import array
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from batchyard.emulators._store import Blob
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._errors import ApiError
from batchyard.emulators.openai_wire._media import embedding_inputs
from batchyard.emulators.openai_wire._models import ENDPOINT_KINDS, Model
from batchyard.emulators.openai_wire._parameters import REQUIRED
from batchyard.emulators.openai_wire._prompts import count_tokens

_DEFAULT_MODELS = {"/v1/moderations": "omni-moderation-latest"}


class Issue(Exception):  # noqa: N818 - it is the entry in the batch's list of errors
    """The reason for which a whole batch fails. `line` counts from 1."""

    def __init__(
        self, code: str, message: str, param: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.line = line

    def document(self, dialect: Dialect) -> dict[str, Any]:
        return {
            "code": dialect.issue_codes.get(self.code, self.code),
            "message": self.message,
            "param": self.param,
            "line": self.line,
        }


@dataclass(frozen=True, slots=True)
class Validated:
    """An input file that may run: where its lines begin, and what they ask for."""

    offsets: array[int]
    model_name: str
    model: Model
    tokens: int


class Validator:
    """Reads a file line by line and stops, with an `Issue`, at the first bad one."""

    def __init__(self, endpoint: str, dialect: Dialect) -> None:
        self._endpoint = endpoint
        self._canonical = dialect.canonical_endpoint(endpoint)
        self._dialect = dialect
        self._offsets = array("Q")
        self._model_name = ""
        self._model: Model | None = None
        self._tokens = 0
        self._inputs = 0
        self._ids: set[bytes] = set()

    def validate(self, blob: Blob) -> Validated:
        with blob.path.open("rb") as file:
            self._read(file)
        if self._model is None:
            raise Issue("empty_file", "The batch input file is empty.")
        if self._inputs > self._dialect.max_inputs:
            raise Issue(
                "too_many_tasks",
                f"The batch has {self._inputs} embedding inputs. "
                f"The maximum is {self._dialect.max_inputs}.",
            )
        return Validated(self._offsets, self._model_name, self._model, self._tokens)

    def _read(self, file: BinaryIO) -> None:
        offset = 0
        for number, line in enumerate(file, start=1):
            if number > self._dialect.max_lines:
                raise Issue(
                    "too_many_tasks",
                    f"The batch has too many requests. The maximum is {self._dialect.max_lines}.",
                )
            try:
                self._check_beginning(line, number)
                self._check(line)
            except Issue as issue:
                issue.line = number
                raise
            self._offsets.append(offset)
            offset += len(line)

    def _check_beginning(self, line: bytes, number: int) -> None:
        message = self._dialect.bom_message
        if number == 1 and message is not None and line.startswith(codecs.BOM_UTF8):
            raise Issue("invalid_request", message)

    def _check(self, line: bytes) -> None:
        request = self._read_line(_decoded(line))
        self._check_id(request.get("custom_id"))
        if request.get("method") is None:
            raise _missing("method")
        if request["method"] != "POST":
            raise Issue(
                "invalid_request",
                f"Invalid value: '{request['method']}'. Supported values are: 'POST'.",
                "method",
            )
        if request.get("url") is None:
            raise _missing("url")
        if request["url"] != self._endpoint:
            raise Issue(
                "invalid_url",
                f"The URL provided for this request does not match the batch endpoint. "
                f"Expected '{self._endpoint}', but got '{request['url']}' instead.",
                "url",
            )
        if not isinstance(request.get("body"), dict):
            raise _missing("body")
        self._check_body(request["body"])
        self._tokens += count_tokens(str(request["body"].get(REQUIRED[self._canonical])))

    def _read_line(self, line: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._dialect.read_line(line, self._endpoint)
        except ApiError as error:
            raise Issue("invalid_request", error.message, error.param) from error

    def _check_id(self, custom_id: object) -> None:
        if custom_id is None:
            raise _missing("custom_id")
        if not isinstance(custom_id, str):
            raise Issue(
                "invalid_request", "Invalid type for 'custom_id': expected a string.", "custom_id"
            )
        digest = hashlib.blake2b(custom_id.encode(), digest_size=16).digest()
        if digest in self._ids:
            raise Issue(
                "duplicate_custom_id",
                f"The custom_id for this request is a duplicate of another request. The custom_id "
                f"parameter must be unique for each request in a batch ('{custom_id}').",
                "custom_id",
            )
        self._ids.add(digest)

    def _check_body(self, body: dict[str, Any]) -> None:
        self._check_model(body.get("model", _DEFAULT_MODELS.get(self._canonical)))
        if body.get("stream"):
            raise Issue(
                "streaming_unsupported",
                "Streaming is not supported in the Batch API.",
                "body.stream",
            )
        required = REQUIRED[self._canonical]
        if required not in body:
            raise _missing(f"body.{required}")
        if self._canonical == "/v1/embeddings":
            self._inputs += len(embedding_inputs(body["input"]))

    def _check_model(self, name: object) -> None:
        if not name or not isinstance(name, str):
            raise Issue(
                "invalid_request", "The 'model' parameter is required in the body.", "body.model"
            )
        if self._model is None:
            model = self._dialect.find_model(name)
            if model is None or model.kind != ENDPOINT_KINDS[self._canonical]:
                raise Issue(
                    "model_not_found",
                    f"The provided model '{name}' is not supported by the Batch API.",
                    "body.model",
                )
            self._model_name, self._model = name, model
        elif name != self._model_name:
            raise Issue(
                "mismatched_model",
                f"The provided model '{name}' does not match the model '{self._model_name}' of "
                "the other requests. All requests in a batch must use the same model.",
                "body.model",
            )


def first_issue(blob: Blob, dialect: Dialect) -> Issue | None:
    """What is wrong with a file, as far as it can be told before its batch is there."""
    with blob.path.open("rb") as file:
        line = file.readline()
    try:
        url = _decoded(line).get("url")
        # a line of another endpoint is a matter between batch and file
        Validator(url if url in dialect.endpoints else dialect.endpoints[0], dialect).validate(blob)
    except Issue as issue:
        return issue
    return None


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Issue("invalid_json_line", "This line is not parseable as valid JSON.") from error
    if not isinstance(value, dict):
        raise Issue("invalid_json_line", "This line is not a JSON object.")
    return value


def _missing(param: str) -> Issue:
    return Issue("missing_required_parameter", f"Missing required parameter: '{param}'.", param)
