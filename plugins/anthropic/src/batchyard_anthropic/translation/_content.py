"""Parts of a chat's messages as content blocks (API reference, Messages)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from batchyard_anthropic.translation._losses import Notes, RefusedError, approximated

__all__ = ["Block", "blocks_of", "json_object"]

Block: TypeAlias = dict[str, Any]

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
DATA_URL = re.compile(r"data:([\w.+/-]+)(?:;[\w=.+-]+)*;base64,(.*)", re.DOTALL | re.IGNORECASE)


def blocks_of(content: Any, param: str, notes: Notes) -> list[Block]:
    """The blocks of a message's content; *param* is its place in the body.

    Texts of no characters, which Claude refuses, are left out.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list):
        raise RefusedError("`content` is a text or an array of parts.", f"body.{param}")
    blocks = []
    for number, part in enumerate(content):
        where = f"{param}[{number}]"
        kind = part.get("type") if isinstance(part, Mapping) else None
        make = _MAKERS.get(kind) if isinstance(kind, str) else None
        if make is None:
            raise RefusedError(
                f"A part of type {kind!r} cannot be carried to Claude.", f"body.{where}"
            )
        block = make(part, where)
        if _has_detail(part):
            reason = "Claude sees images as they are."
            notes.append(approximated(f"{where}.image_url.detail", reason))
        if "cache_control" in part:
            # Anthropic's own, which users of other gateways write into OpenAI's parts
            block["cache_control"] = part["cache_control"]
        if block.get("text") != "":
            blocks.append(block)
    return blocks


def _text(part: Mapping[str, Any], where: str) -> Block:
    name = "refusal" if part["type"] == "refusal" else "text"
    if not isinstance(part.get(name), str):
        raise RefusedError(f"`{name}` is a text.", f"body.{where}.{name}")
    return {"type": "text", "text": part[name]}


def _image(part: Mapping[str, Any], where: str) -> Block:
    given = part.get("image_url")
    image = {"url": given} if isinstance(given, str) else given
    if not isinstance(image, Mapping) or not isinstance(image.get("url"), str):
        raise RefusedError("`image_url` has a `url`.", f"body.{where}.image_url")
    url = image["url"]
    if url.startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    media, data = _data(url, f"{where}.image_url.url")
    if media not in IMAGES:
        message = f"Images are JPEG, PNG, GIF or WebP, and this one is {media!r}."
        raise RefusedError(message, f"body.{where}.image_url.url")
    return {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}


def _has_detail(part: Mapping[str, Any]) -> bool:
    image = part.get("image_url")
    return isinstance(image, Mapping) and image.get("detail") not in {None, "auto"}


def _file(part: Mapping[str, Any], where: str) -> Block:
    file = part.get("file")
    if not isinstance(file, Mapping) or not isinstance(file.get("file_data"), str):
        message = "Files are carried by their `file_data`: Claude knows no ids of OpenAI's files."
        raise RefusedError(message, f"body.{where}.file")
    media, data = _data(file["file_data"], f"{where}.file.file_data")
    source = {"type": "base64", "media_type": media, "data": data}
    if media.startswith("text/"):
        text = base64.b64decode(data).decode(errors="replace")
        source = {"type": "text", "media_type": "text/plain", "data": text}
    elif media != "application/pdf":
        message = f"Documents are PDF or text, and this one is {media!r}."
        raise RefusedError(message, f"body.{where}.file.file_data")
    title = file.get("filename")
    return {
        "type": "document",
        "source": source,
        **({"title": title} if isinstance(title, str) and title else {}),
    }


def _data(url: str, where: str) -> tuple[str, str]:
    found = DATA_URL.fullmatch(url)
    try:
        if found is None:
            raise ValueError
        base64.b64decode(found[2], validate=True)
    except (ValueError, binascii.Error):
        message = "This is neither a URL nor a data URL in base64."
        raise RefusedError(message, f"body.{where}") from None
    return found[1].lower(), found[2]


def json_object(text: Any, param: str) -> dict[str, Any]:
    """The arguments of a call, which OpenAI has as a text."""
    try:
        found = json.loads(text) if isinstance(text, str) and text.strip() else text or {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RefusedError("Arguments are a JSON object, as a text.", f"body.{param}")
    return found


_MAKERS: Mapping[str, Callable[[Mapping[str, Any], str], Block]] = {
    "text": _text,
    "refusal": _text,
    "image_url": _image,
    "file": _file,
}
