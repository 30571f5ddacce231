"""What is wrong with an input line, in words.  Slow: for lines that are not plainly right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from batchyard.lines._endpoints import needs_model, required

__all__ = ["Fault", "Fields", "custom_id_of", "examine"]

MAX_MODEL = 512
"""Characters a model's name may have.  The longest, resource paths, have about 200."""

_ABSENT = msgspec.Raw()
_URL = re.compile(r"/[A-Za-z0-9._~:@/-]{1,255}")
_SURROGATES = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_KINDS = {
    '"': "a string",
    "{": "an object",
    "[": "an array",
    "t": "true",
    "f": "false",
    "n": "null",
}


class Fault(NamedTuple):
    """A line's problem, as :class:`~batchyard.errors.LineProblem` has it, without the number."""

    code: str
    message: str
    param: str | None = None


class _Line(msgspec.Struct, gc=False):
    custom_id: msgspec.Raw = _ABSENT
    method: msgspec.Raw = _ABSENT
    url: msgspec.Raw = _ABSENT
    body: msgspec.Raw = _ABSENT


class _Body(msgspec.Struct, gc=False):
    model: msgspec.Raw = _ABSENT
    stream: msgspec.Raw = _ABSENT
    messages: msgspec.Raw = _ABSENT
    input: msgspec.Raw = _ABSENT
    prompt: msgspec.Raw = _ABSENT
    images: msgspec.Raw = _ABSENT


class _Named:
    """Any one of the values that a line has for its model."""


class _NamedBody(msgspec.Struct, gc=False):
    model: _Named | None = None


class _NamedLine(msgspec.Struct, gc=False):
    body: _NamedBody


class _TypedBody(msgspec.Struct, gc=False):
    model: str | None = None
    stream: bool | None = None


class _TypedLine(msgspec.Struct, gc=False):
    custom_id: str
    method: str
    url: str
    body: _TypedBody


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_typed = msgspec.json.Decoder(_TypedLine).decode
_decode_body = msgspec.json.Decoder(_Body).decode
_decode_text = msgspec.json.Decoder(str).decode


@dataclass(slots=True)
class Fields:
    """What could be read of a line, and its faults."""

    faults: list[Fault]
    custom_id: str | None = None
    url: str | None = None
    model: str | None = None


def examine(data: bytes) -> Fields:
    """The fields of a line, and its faults.

    Decodes no more than those fields, so that a hostile line stays small.
    """
    fields = _read_fields(data)
    if not fields.faults:
        try:
            _decode_typed(data)
            twice = _names_other(data, fields.model)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # each value is right where it occurs last
            twice = True
        if twice:
            message = "A key occurs twice in this line, with different values. Keep one of them."
            fields.faults.append(Fault("invalid_json_line", message))
    return fields


def _names_other(data: bytes, model: str | None) -> bool:
    """Whether the line names other models too, of which a provider may take the first."""
    named: list[object] = []

    def note(_: type, value: object) -> _Named:
        named.append(value)
        return _Named()

    msgspec.json.decode(data, type=_NamedLine, dec_hook=note)
    return any(one != model for one in named)


def custom_id_of(data: bytes) -> str | None:
    """The line's ``custom_id`` if it has one that can be read."""
    parsed = _parse(data)
    return _string(parsed.custom_id) if isinstance(parsed, _Line) else None


def _read_fields(data: bytes) -> Fields:
    parsed = _parse(data)
    if isinstance(parsed, Fault):
        return Fields([parsed])
    fields = Fields(
        [],
        custom_id=_string(parsed.custom_id),
        url=_string(parsed.url),
    )
    fields.faults += _top_faults(parsed, fields)
    if _first(parsed.body) == "{":
        body = _decode_body(parsed.body)
        fields.model = _string(body.model)
        fields.faults += _body_faults(body, fields)
    return fields


def _parse(data: bytes) -> _Line | Fault:
    try:
        data.decode()
        return _decode_line(data)
    except UnicodeDecodeError as error:
        return Fault(
            "invalid_encoding",
            f"This line is not UTF-8 (byte {error.start + 1}). Save the file as UTF-8.",
        )
    except RecursionError:
        return Fault("invalid_json_line", "This line is nested too deeply. Make its body flatter.")
    except msgspec.ValidationError:
        return Fault(
            "invalid_json_line",
            "This line is not a JSON object. Write one request, as one object, on each line.",
        )
    except msgspec.DecodeError as error:
        return _syntax_fault(data, str(error))


def _syntax_fault(data: bytes, reason: str) -> Fault:
    if b"\0" in data:
        return Fault(
            "invalid_encoding",
            "This line has NUL bytes, as damaged files and UTF-16 have. Save the file as UTF-8.",
        )
    if _has_half_surrogates(data):
        return Fault(
            "invalid_encoding",
            "This line has half of a surrogate pair (an escape from \\ud800 to \\udfff on its "
            "own), which UTF-8 cannot express. Remove it, or cut texts between characters.",
        )
    return Fault(
        "invalid_json_line",
        f"This line is not valid JSON ({reason}). Write each request as one JSON object on one "
        "line.",
    )


def _has_half_surrogates(data: bytes) -> bool:
    """Whether they are all that is wrong: the line is right without any surrogates."""
    mended, found = _SURROGATES.subn(rb"\\ufffd", data)
    if not found:
        return False
    try:
        _decode_line(mended)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _top_faults(line: _Line, fields: Fields) -> Iterator[Fault]:
    if not fields.custom_id:
        yield _unusable("custom_id", line.custom_id, "a string that no other line of the file has")
    if _string(line.method) != "POST":
        yield _unusable("method", line.method, '"POST"')
    if _absent(line.url):
        yield _unusable("url", line.url, 'the path of an endpoint, such as "/v1/chat/completions"')
    elif fields.url is None or not _URL.fullmatch(fields.url):
        yield Fault(
            "invalid_url",
            f"`url` is {_shown(line.url)}. Give the path of an endpoint alone, such as "
            '"/v1/chat/completions".',
            "url",
        )
        fields.url = None
    if _first(line.body) != "{":
        yield _unusable("body", line.body, "the request, as an object")


def _body_faults(body: _Body, fields: Fields) -> Iterator[Fault]:
    if _absent(body.model):
        if fields.url is not None and needs_model(fields.url):
            message = f"`body.model` is missing, and {fields.url} needs one. Name the model."
            yield Fault("invalid_request", message, "body.model")
    elif not fields.model or len(fields.model) > MAX_MODEL:
        message = f"`body.model` is {_shown(body.model)}. Give the name of a model, as a string."
        yield Fault("invalid_request", message, "body.model")
        fields.model = None
    stream = _first(body.stream)
    if stream == "t":
        message = "`body.stream` is true, and batches cannot stream. Remove it."
        yield Fault("streaming_unsupported", message, "body.stream")
    elif stream not in {"", "f", "n"}:
        message = f"`body.stream` is {_shown(body.stream)}. Remove it: batches cannot stream."
        yield Fault("invalid_request", message, "body.stream")
    for name, wanted in required(fields.url or "").items():
        if _absent(getattr(body, name)):
            message = f"`body.{name}` is missing, and {fields.url} needs it. Give {wanted}."
            yield Fault("missing_required_parameter", message, f"body.{name}")


def _unusable(param: str, value: msgspec.Raw, wanted: str) -> Fault:
    if _absent(value):
        message = f"`{param}` is missing. Give {wanted}."
        return Fault("missing_required_parameter", message, param)
    return Fault("invalid_request", f"`{param}` is {_shown(value)}. Give {wanted}.", param)


def _string(value: msgspec.Raw) -> str | None:
    return _decode_text(value) if _first(value) == '"' else None


def _absent(value: msgspec.Raw) -> bool:
    return _first(value) in {"", "n"}


def _first(value: msgspec.Raw) -> str:
    return chr(memoryview(value)[0]) if memoryview(value) else ""


def _shown(value: msgspec.Raw) -> str:
    """The value if it is short, else what kind of value it is."""
    view = memoryview(value)
    if len(view) <= 80:
        return bytes(view).decode(errors="replace")
    return f"{_KINDS.get(_first(value), 'a number')} of {len(view)} bytes"
