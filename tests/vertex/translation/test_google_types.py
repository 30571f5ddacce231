"""What is sent is what Google's own client knows: its types forbid fields that they do not have."""

from __future__ import annotations

from typing import Any

import pytest

from batchyard_vertex.translation._chat import gemini_request
from tests.vertex.translation.lines import Line, line, sent
from tests.vertex.translation.test_embeddings import embed
from tests.vertex.translation.test_requests import REQUESTS
from tests.vertex.translation.test_schemas import SCHEMAS

MODELS = ("gemini-2.5-flash", "gemini-3-pro-preview")


@pytest.fixture(scope="module")
def types() -> Any:
    # loading them takes seconds
    from google.genai import types  # noqa: PLC0415

    return types


def check(types: Any, request: dict[str, Any]) -> None:
    """Every field of a request, each by the type that it has."""
    known = {
        "contents": types.Content,
        "systemInstruction": types.Content,
        "generationConfig": types.GenerationConfig,
        "tools": types.Tool,
        "toolConfig": types.ToolConfig,
        "safetySettings": types.SafetySetting,
    }
    for name, value in request.items():
        for one in value if isinstance(value, list) else [value]:
            known[name].model_validate(one)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_made_of_googles_types(types: Any, name: str, model: str) -> None:
    check(types, gemini_request(REQUESTS[name][0], model))


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "max"])
@pytest.mark.parametrize("model", MODELS)
def test_efforts_are_of_googles_types(types: Any, model: str, effort: str) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "reasoning_effort": effort}
    check(types, gemini_request(body, model))


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_of_googles_type(types: Any, name: str) -> None:
    types.Schema.model_validate(SCHEMAS[name][1])


def test_embeddings_are_of_googles_types(types: Any) -> None:
    body: dict[str, Any] = {"dimensions": 5, "task_type": "CLUSTERING", "title": "T"}
    for config in ("flat", "nested"):
        (written,), _ = sent(embed(**body), embedding_config=config)
        request = written["request"]
        types.Content.model_validate(request.pop("content"))
        types.EmbedContentConfig.model_validate(request.get("embed_content_config", request))


def everything() -> list[Line]:
    """A line of each kind, for those who parse whole files."""
    return [
        line(f"r-{number}", "/v1/chat/completions", model=MODELS[0], **body)
        for number, (body, _) in enumerate(REQUESTS.values())
    ]


def test_the_lines_are_what_the_requests_are(types: Any) -> None:
    written, _ = sent(*everything(), lossy="drop")
    for one in written:
        del one["request"]["labels"]
        check(types, one["request"])
