"""How a line is written for its model, and the ones that are for Gemini's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from batchyard_vertex.translation._chat import APART, ARGUMENTS, Settled, settled
from batchyard_vertex.translation._digests import digest_of, encoded, joined_digest, normalised
from batchyard_vertex.translation._importer import Importer
from batchyard_vertex.translation._losses import Notes
from batchyard_vertex.translation._messages import Conversation
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._plain_messages import plain_contents
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._responses import chat_body, named_as_given
from batchyard_vertex.translation._rest import labels_in, without_effect
from batchyard_vertex.translation._row_ids import Entry, entry_of
from batchyard_vertex.translation._traits import traits_of

__all__ = [
    "LABEL",
    "SIBLING",
    "Dialect",
    "GeminiChat",
    "GeminiNative",
    "GeminiResponses",
    "Given",
    "Prepared",
    "decoded",
]

LABEL = "batchyard_id"
"""The label that brings a row's id back: labels are echoed with the request, always."""

SIBLING = "custom_id"
"""The key beside ``request`` that brings it back where the service echoes such keys."""

MOST_SETTLED = 64

Fields = dict[str, msgspec.Raw]

decoded = msgspec.json.decode
_bare = msgspec.json.encode


class Given(NamedTuple):
    """A line to write.  ``short`` is the id that the row is to have, ``number`` the line's."""

    custom_id: str
    fields: Fields
    short: str
    number: int


class Prepared(NamedTuple):
    """``lines`` for the service, each with its end, and the ``entry`` of the map of ids."""

    lines: bytes
    entry: bytes
    rows: int = 1


class Dialect(Protocol):
    """Writes the lines of one file.  ``name`` says how their answers are to be read."""

    name: str

    def prepare(self, given: Given, notes: Notes) -> Prepared:
        """Raises :class:`LineRefusedError` and :class:`RowRefusedError`."""


class GeminiChat:
    """Chat completions for Gemini."""

    name = "gemini"

    def __init__(self, model: str, options: Options) -> None:
        self._traits = traits_of(model)
        self._options = options
        self._importer = Importer()
        self._settled: dict[tuple[tuple[str, bytes], ...], Settled] = {}

    def prepare(self, given: Given, notes: Notes) -> Prepared:
        messages = given.fields.get("messages")
        plain = plain_contents(messages) if messages is not None else None
        if plain is not None:
            rest = self._rest(given.fields, notes)
            contents = encoded(plain[0])
            system = encoded(plain[1]) if plain[1] else b""
            labels = self._labels(given.fields, notes)
            return _joined(given, (contents, contents, system), rest, labels)
        return self.translated(given, decoded(messages) if messages else None, notes)

    def translated(self, given: Given, messages: Any, notes: Notes) -> Prepared:
        rest = self._rest(given.fields, notes)
        talk = Conversation(messages, self._traits, notes)
        return self._written(given, talk, rest, self._labels(given.fields, notes))

    def _labels(self, fields: Fields, notes: Notes) -> dict[str, str]:
        if "metadata" not in fields and "labels" not in fields:
            return {}
        given: dict[str, Any] = {
            name: decoded(fields[name]) for name in ("metadata", "labels") if name in fields
        }
        return labels_in(given, notes)

    def _rest(self, fields: Fields, notes: Notes) -> Settled:
        """What the line says beside its messages: the same as a line before it, mostly."""
        parts = []
        for name, raw in fields.items():
            if name in APART:
                continue
            data = bytes(raw)
            ignored = without_effect(name)
            if ignored is None or (name == "stream" and data == b"true"):
                parts.append((name, data))
            elif data != b"null":
                notes.append(ignored)
        key = tuple(parts)
        rest = self._settled.get(key)
        if rest is None:
            body = {name: decoded(raw) for name, raw in parts}
            rest = settled(body, self._traits, self._options)
            if len(self._settled) >= MOST_SETTLED:
                self._settled.clear()
            self._settled[key] = rest
        notes += rest.notes
        return rest

    def _written(
        self, given: Given, talk: Conversation, rest: Settled, labels: Mapping[str, str]
    ) -> Prepared:
        if talk.resolution:
            rest = rest.with_resolution(talk.resolution)
        for arguments, where in talk.arguments:
            self._check(arguments, where, given.number)
        contents = known = encoded(talk.contents)
        if not talk.plain:
            known = encoded(normalised(talk.contents))
        system = encoded(talk.system) if talk.system else b""
        return _joined(given, (contents, known, system), rest, labels)

    def _check(self, arguments: dict[str, Any], where: str, number: int) -> None:
        try:
            self._importer.check(arguments, ARGUMENTS, number)
        except LineRefusedError as refused:
            raise LineRefusedError(refused.message, f"body.{where}", refused.code) from None


def _joined(
    given: Given, said: tuple[bytes, bytes, bytes], rest: Settled, labels: Mapping[str, str]
) -> Prepared:
    """*said* is the contents, what they are known by, and the system instruction's parts."""
    contents, known, system = said
    short = given.short.encode()
    line = [_BEGIN, short, _REQUEST, contents]
    if system:
        line += (_SYSTEM, system, b"}")
    line += (rest.tail, _LABELS, short, b'"')
    line += [b',"%b":"%b"' % (key.encode(), labels[key].encode()) for key in labels]
    line.append(b"}}}\n")
    digest = joined_digest(known, system or b"null", rest.mark)
    return Prepared(b"".join(line), entry_of(given.custom_id, digest))


class GeminiResponses(GeminiChat):
    """OpenAI's responses for Gemini: the same, in other words."""

    name = "responses"

    def prepare(self, given: Given, notes: Notes) -> Prepared:
        body, places = chat_body({name: decoded(raw) for name, raw in given.fields.items()}, notes)
        messages = body.pop("messages")
        fields = {name: msgspec.Raw(_bare(one)) for name, one in body.items()}
        line = Given(given.custom_id, fields, given.short, given.number)
        told: Notes = []
        try:
            made = self.translated(line, messages, told)
        except RowRefusedError as refused:
            error = refused.error
            raise RowRefusedError(
                error["message"], named_as_given(error["param"] or "", places)
            ) from None
        except LineRefusedError as refused:
            param = named_as_given((refused.param or "").removeprefix("body."), places)
            raise LineRefusedError(refused.message, f"body.{param}", refused.code) from None
        notes += [loss.named(named_as_given(loss.field, places)) for loss in told]
        return made


class GeminiNative:
    """Gemini's own requests, as they are."""

    name = "native"

    def __init__(self) -> None:
        self._importer = Importer()

    def prepare(self, given: Given, notes: Notes) -> Prepared:
        request = {name: decoded(raw) for name, raw in given.fields.items() if name != "model"}
        if not isinstance(request.get("contents"), list) or not request["contents"]:
            raise RowRefusedError("`contents` is an array of at least one content.", "contents")
        if "cachedContent" in request or "cached_content" in request:
            message = "Vertex AI has no explicit caching in batches."
            raise LineRefusedError(message, "body.cachedContent")
        _refuse_retrieval(request.get("tools"))
        labels = request.get("labels") or {}
        if not isinstance(labels, dict):
            raise RowRefusedError("`labels` is a JSON object.", "labels")
        request["labels"] = {**labels, LABEL: given.short}
        self._importer.check(request, "request", given.number)
        digest = digest_of({name: one for name, one in request.items() if name != "labels"})
        line = _bare({SIBLING: given.short, "request": request}) + b"\n"
        return Prepared(line, Entry(given.custom_id, (digest,)).encoded())


def _refuse_retrieval(tools: Any) -> None:
    for number, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, dict) and "retrieval" in tool:
            message = "Vertex AI has no retrieval (RAG) in batches."
            raise LineRefusedError(message, f"body.tools[{number}].retrieval")


_BEGIN = b'{"%b":"' % SIBLING.encode()
_REQUEST = b'","request":{"contents":'
_SYSTEM = b',"systemInstruction":{"parts":'
_LABELS = b',"labels":{"%b":"' % LABEL.encode()
