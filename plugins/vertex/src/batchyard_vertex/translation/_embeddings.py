"""Embeddings: a line of OpenAI's may have many inputs, a row of Vertex's has one."""

from __future__ import annotations

from typing import Any

from batchyard_vertex.translation._config import bounded
from batchyard_vertex.translation._dialects import SIBLING, Given, Prepared, decoded
from batchyard_vertex.translation._digests import digest_of, encoded
from batchyard_vertex.translation._losses import Loss, Notes, lost
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._row_ids import Entry, part_id

__all__ = ["Embeddings", "Predictions", "is_predicted"]

MOST_INPUTS = 2048
"""Of one request (OpenAI API reference, create embeddings)."""

_KNOWN = frozenset(
    {"dimensions", "encoding_format", "input", "model", "task_type", "title", "user"}
)
_USER = Loss("ignored", "user", "It says nothing of the answer.")
_ALIKE = "gemini-embedding-2"
_PREDICTED = ("text-embedding-", "text-multilingual-embedding-", "textembedding-gecko")


def is_predicted(model: str) -> bool:
    """Whether a model is one of those before Gemini's, whose rows are instances."""
    return model.rpartition("/")[2].startswith(_PREDICTED)


class _Inputs:
    """What both kinds of models are asked."""

    def __init__(self, given: Given, notes: Notes) -> None:
        body = {name: decoded(raw) for name, raw in given.fields.items()}
        for name, value in body.items():
            if value is not None and name not in _KNOWN:
                notes.append(lost(name, "Vertex AI has no such field."))
        if body.get("user") is not None:
            notes.append(_USER)
        self.texts = _texts(body.get("input"))
        self.base64 = _is_base64(body.get("encoding_format"))
        self.dimensions: int | None = None
        if body.get("dimensions") is not None:
            dimensions = body["dimensions"]
            self.dimensions = bounded("dimensions", dimensions, (1, 65_536), whole=True)
        self.task, self.title = (_word(name, body.get(name)) for name in ("task_type", "title"))

    def entry(self, custom_id: str, requests: list[dict[str, Any]]) -> bytes:
        """``inputs`` tells a list of one from a text, and ``base64`` how vectors are written."""
        about = {"base64": True} if self.base64 else None
        return Entry(custom_id, tuple(map(digest_of, requests)), about).encoded()


class Embeddings:
    """For Gemini's models."""

    name = "embeddings"

    def __init__(self, model: str, options: Options) -> None:
        self._nested = options.embedding_config == "nested"
        self._tasks = _ALIKE not in model

    def prepare(self, given: Given, notes: Notes) -> Prepared:
        inputs = _Inputs(given, notes)
        config: dict[str, Any] = {}
        if inputs.dimensions is not None:
            config["output_dimensionality"] = inputs.dimensions
        for name, word in (("task_type", inputs.task), ("title", inputs.title)):
            if word and self._tasks:
                config[name] = word
            elif word:
                notes.append(lost(name, "This model takes no notice of it: say it in the text."))
        rest = {"embed_content_config": config} if config and self._nested else config
        requests = [{"content": {"parts": [{"text": text}]}, **rest} for text in inputs.texts]
        several = len(requests) > 1
        lines = []
        for part, request in enumerate(requests):
            name = part_id(given.short, part) if several else given.short
            lines.append(encoded({"key": name, SIBLING: name, "request": request}) + b"\n")
        entry = inputs.entry(given.custom_id, requests)
        return Prepared(b"".join(lines), entry, len(lines))


class Predictions:
    """For the models before Gemini's: a row has nothing but the text, by which it is known."""

    name = "predictions"

    def prepare(self, given: Given, notes: Notes) -> Prepared:
        inputs = _Inputs(given, notes)
        for name, word in (("task_type", inputs.task), ("title", inputs.title)):
            if word:
                notes.append(lost(name, "Rows for this model have a text alone."))
        if inputs.dimensions is not None:
            notes.append(lost("dimensions", "Rows for this model have a text alone."))
        requests = [{"content": text} for text in inputs.texts]
        lines = [encoded(request) + b"\n" for request in requests]
        entry = inputs.entry(given.custom_id, requests)
        return Prepared(b"".join(lines), entry, len(lines))


def _texts(given: Any) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise RowRefusedError("`input` is a text, or an array of texts.", "input")
    if any(isinstance(one, int | list) and not isinstance(one, bool) for one in texts):
        message = "Tokens of OpenAI's cannot be carried to Vertex AI. Give the texts."
        raise LineRefusedError(message, "body.input")
    if not all(isinstance(one, str) and one for one in texts):
        raise RowRefusedError("`input` is a text, or an array of texts, none empty.", "input")
    if len(texts) > MOST_INPUTS:
        message = f"`input` has at most {MOST_INPUTS} texts, not {len(texts)}."
        raise RowRefusedError(message, "input")
    return texts


def _is_base64(form: Any) -> bool:
    if form not in {None, "float", "base64"} if isinstance(form, str | None) else True:
        raise RowRefusedError("`encoding_format` is float or base64.", "encoding_format")
    return bool(form == "base64")


def _word(name: str, value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise RowRefusedError(f"`{name}` is a text.", name)
    return value or None
