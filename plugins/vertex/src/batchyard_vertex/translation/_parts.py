"""What messages are made of: texts, pictures, sounds and files, as Gemini's parts."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from batchyard_vertex.translation._losses import Notes, approximated
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError

__all__ = ["RESOLUTION", "Part", "content_parts"]

Part: TypeAlias = dict[str, Any]

_SCHEMES = ("https://", "http://", "gs://")
_SOUNDS = {"mp3": "audio/mpeg", "pcm16": "audio/pcm", "m4a": "audio/mp4"}
_DETAILS = {
    "low": "MEDIA_RESOLUTION_LOW",
    "medium": "MEDIA_RESOLUTION_MEDIUM",
    "high": "MEDIA_RESOLUTION_HIGH",
    "original": "MEDIA_RESOLUTION_HIGH",
}
RESOLUTION = "mediaResolution"


def content_parts(content: Any, where: str, notes: Notes) -> list[Part]:
    """The parts of a message's ``content``; of an empty text, which Gemini refuses, none."""
    if isinstance(content, str):
        return [{"text": content}] if content else []
    if content is None:
        return []
    if not isinstance(content, list):
        raise RowRefusedError("`content` is a text, or an array of parts.", where)
    found = []
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        text = part.get("text") if kind == "text" else None
        if isinstance(text, str):
            if text:
                found.append({"text": text})
            continue
        read = _READERS.get(kind) if isinstance(kind, str) else None
        if read is None:
            raise RowRefusedError(f"{kind!r} is no type of a part.", f"{where}[{number}].type")
        made = read(part, f"{where}[{number}]", notes)
        if made is not None:
            found.append(made)
    return found


def _text(_part: Mapping[str, Any], param: str, _notes: Notes) -> Part | None:
    raise RowRefusedError("A part of type 'text' has a text.", f"{param}.text")


def _refusal(part: Mapping[str, Any], param: str, _notes: Notes) -> Part | None:
    refusal = part.get("refusal")
    if not isinstance(refusal, str):
        raise RowRefusedError("A part of type 'refusal' has a text.", f"{param}.refusal")
    return {"text": refusal} if refusal else None


def _picture(part: Mapping[str, Any], param: str, notes: Notes) -> Part:
    given = part.get("image_url")
    about: Mapping[str, Any] = given if isinstance(given, Mapping) else {"url": given}
    made = _medium(about.get("url"), "image/jpeg", f"{param}.image_url.url", notes)
    detail = about.get("detail")
    if isinstance(detail, str) and detail in _DETAILS:
        made[RESOLUTION] = {"level": _DETAILS[detail]}
    elif detail not in {None, "auto"}:
        message = "`detail` is low, high or auto."
        raise RowRefusedError(message, f"{param}.image_url.detail")
    return made


def _sound(part: Mapping[str, Any], param: str, _notes: Notes) -> Part:
    given = part.get("input_audio")
    data = given.get("data") if isinstance(given, Mapping) else None
    form = given.get("format") if isinstance(given, Mapping) else None
    if not isinstance(data, str) or not data or not isinstance(form, str) or not form.isalnum():
        raise RowRefusedError("`input_audio` has data and a format.", f"{param}.input_audio")
    return {"inlineData": {"mimeType": _SOUNDS.get(form, f"audio/{form}"), "data": data}}


def _file(part: Mapping[str, Any], param: str, notes: Notes) -> Part:
    given = part.get("file")
    about: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    data, file_id, name = (about.get(key) for key in ("file_data", "file_id", "filename"))
    guessed = mimetypes.guess_type(name)[0] if isinstance(name, str) else None
    if isinstance(data, str) and data:
        if data.startswith("data:"):
            return _medium(data, "application/pdf", f"{param}.file.file_data", notes)
        return {"inlineData": {"mimeType": guessed or "application/pdf", "data": data}}
    if isinstance(file_id, str) and file_id.startswith(_SCHEMES):
        made = _medium(file_id, guessed or "application/pdf", f"{param}.file.file_id", notes)
        kind = about.get("format")
        if isinstance(kind, str) and kind and "fileData" in made:
            made["fileData"]["mimeType"] = kind
        return made
    if isinstance(file_id, str) and file_id:
        message = (
            "Vertex AI does not know files by OpenAI's ids. Give `file_data`, or an address that "
            "begins with gs:// or https:// as `file_id`."
        )
        raise LineRefusedError(message, f"body.{param}.file.file_id")
    raise RowRefusedError("A file has `file_data` or a `file_id`.", f"{param}.file")


def _medium(url: Any, usual: str, param: str, notes: Notes) -> Part:
    """Data in place, or where they are.  Gemini wants to know of what type they are."""
    if not isinstance(url, str):
        raise RowRefusedError("A picture or file has a URL.", param)
    if url[:5] == "data:":
        head, comma, data = url.partition(",")
        kind = head[5:].partition(";")[0]
        if not comma or not data or not head.endswith(";base64") or "/" not in kind:
            message = "A data URL is written data:image/png;base64,…"
            raise RowRefusedError(message, param)
        return {"inlineData": {"mimeType": kind, "data": data}}
    if not url.startswith(_SCHEMES):
        raise RowRefusedError("A URL begins with https://, gs:// or data:.", param)
    guessed = mimetypes.guess_type(url.partition("?")[0].partition("#")[0])[0]
    if guessed is None:
        reason = f"The address does not say the type of what is there: {usual} is assumed."
        notes.append(approximated(param, reason))
    return {"fileData": {"mimeType": guessed or usual, "fileUri": url}}


_READERS: dict[str, Callable[[Mapping[str, Any], str, Notes], Part | None]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _picture,
    "input_audio": _sound,
    "file": _file,
}
