"""Golden pairs: bodies of OpenAI's, and Gemini's requests."""

from __future__ import annotations

from typing import Any

import pytest

from batchyard_vertex.translation import Options
from batchyard_vertex.translation._chat import gemini_request
from batchyard_vertex.translation._losses import Notes
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from tests.vertex.translation.lines import losses

USER = {"role": "user", "content": "Hi"}
HI = {"role": "user", "parts": [{"text": "Hi"}]}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"x": 1, "y": null}'},
}
PNG = "data:image/png;base64,aGk="
PDF = "data:application/pdf;base64,aGk="
FUNCTION = {"type": "function", "function": {"name": "f"}}
FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "x",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": ["a"],
            "additionalProperties": False,
        },
    },
}

REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"messages": [USER]}, {"contents": [HI]}),
    "system": (
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
                USER,
            ]
        },
        {
            "contents": [HI],
            "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        },
    ),
    "system alone": (
        {"messages": [{"role": "system", "content": "Hi"}]},
        {"contents": [HI]},
    ),
    "assistant first, empty texts, turns in a row": (
        {
            "messages": [
                {"role": "assistant", "content": "A"},
                {"role": "user", "content": ""},
                {"role": "assistant", "content": "B"},
                {"role": "assistant", "content": "C"},
                USER,
            ]
        },
        {
            "contents": [
                {"role": "user", "parts": [{"text": " "}]},
                {"role": "model", "parts": [{"text": "A"}]},
                {"role": "user", "parts": [{"text": " "}]},
                {"role": "model", "parts": [{"text": "B"}, {"text": "C"}]},
                HI,
            ]
        },
    ),
    "parameters": (
        {
            "messages": [USER],
            "temperature": 0,
            "top_p": 0.5,
            "max_tokens": 5,
            "max_completion_tokens": 7,
            "n": 2,
            "stop": "x",
            "seed": 2**40 + 3,
            "presence_penalty": 1,
            "frequency_penalty": -1.5,
            "logprobs": True,
            "top_logprobs": 2,
            "user": "u",
            "store": None,
            "stream": False,
        },
        {
            "contents": [HI],
            "generationConfig": {
                "temperature": 0.0,
                "topP": 0.5,
                "presencePenalty": 1.0,
                "frequencyPenalty": -1.5,
                "candidateCount": 2,
                "logprobs": 2,
                "maxOutputTokens": 7,
                "seed": 3,
                "stopSequences": ["x"],
                "responseLogprobs": True,
            },
        },
    ),
    "tools and their results": (
        {
            "messages": [
                USER,
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        CALL,
                        {**CALL, "id": "c2", "function": {"name": "g", "arguments": ""}},
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": '{"a": 1}'},
                {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "ok"}]},
                {"role": "user", "content": "And?"},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "f",
                        "description": "F.",
                        "strict": True,
                        "parameters": {
                            "type": "object",
                            "properties": {"x": {"type": "integer"}},
                            "required": ["x"],
                            "additionalProperties": False,
                        },
                    },
                },
                {
                    "type": "function",
                    "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
                },
            ],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
        },
        {
            "contents": [
                HI,
                {
                    "role": "model",
                    "parts": [
                        {"functionCall": {"name": "f", "args": {"x": 1}}},
                        {"functionCall": {"name": "g"}},
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "f", "response": {"content": '{"a": 1}'}}},
                        {"functionResponse": {"name": "g", "response": {"content": "ok"}}},
                    ],
                },
                {"role": "user", "parts": [{"text": "And?"}]},
            ],
            "tools": [
                {
                    "functionDeclarations": [
                        {
                            "name": "f",
                            "description": "F.",
                            "parameters": {
                                "type": "OBJECT",
                                "properties": {"x": {"type": "INTEGER"}},
                                "propertyOrdering": ["x"],
                                "required": ["x"],
                            },
                        },
                        {"name": "g"},
                    ]
                }
            ],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        },
    ),
    "formats": (
        {"messages": [USER], "response_format": {"type": "json_object"}},
        {"contents": [HI], "generationConfig": {"responseMimeType": "application/json"}},
    ),
    "images": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                        {"type": "image_url", "image_url": {"url": "gs://b/a.webp"}},
                    ],
                }
            ],
            "n": 1,
        },
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                        {"fileData": {"mimeType": "image/webp", "fileUri": "gs://b/a.webp"}},
                    ],
                }
            ],
            "generationConfig": {"candidateCount": 1, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
        },
    ),
    "sounds and files": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
                        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
                        {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}},
                        {"type": "file", "file": {"file_data": "aGk=", "filename": "a.txt"}},
                        {"type": "file", "file": {"file_id": "gs://b/a.pdf"}},
                    ],
                }
            ]
        },
        {
            "contents": [
                {
                    "role": "user",
                    "parts": [
                        {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}},
                        {"inlineData": {"mimeType": "audio/mpeg", "data": "aGk="}},
                        {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}},
                        {"inlineData": {"mimeType": "text/plain", "data": "aGk="}},
                        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/a.pdf"}},
                    ],
                }
            ]
        },
    ),
    "results in the order of their calls, with a picture": (
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "c2"}]},
                {
                    "role": "tool",
                    "tool_call_id": "c2",
                    "content": [
                        {"type": "text", "text": "2"},
                        {"type": "image_url", "image_url": {"url": PNG}},
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "1"},
            ]
        },
        {
            "contents": [
                HI,
                {
                    "role": "model",
                    "parts": [
                        {"functionCall": {"name": "f", "args": {"x": 1}}},
                        {"functionCall": {"name": "f", "args": {"x": 1}}},
                    ],
                },
                {
                    "role": "user",
                    "parts": [
                        {"functionResponse": {"name": "f", "response": {"content": "1"}}},
                        {"functionResponse": {"name": "f", "response": {"content": "2"}}},
                        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
                    ],
                },
            ]
        },
    ),
    "functions of before there were tools": (
        {
            "messages": [
                USER,
                {"role": "assistant", "function_call": {"name": "f", "arguments": '{"x": 1}'}},
                {"role": "function", "name": "f", "content": "ok"},
            ],
            "functions": [{"name": "f"}],
            "function_call": {"name": "f"},
        },
        {
            "contents": [
                HI,
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"x": 1}}}]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "f", "response": {"content": "ok"}}}],
                },
            ],
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        },
    ),
    "some of the tools": (
        {
            "messages": [USER],
            "tools": [FUNCTION, {"type": "function", "function": {"name": "g"}}],
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [FUNCTION]},
            },
        },
        {
            "contents": [HI],
            "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}],
            "toolConfig": {
                "functionCallingConfig": {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}
            },
        },
    ),
    "no empty object for a search": (
        {"messages": [USER], "web_search_options": {}},
        {
            "contents": [HI],
            "tools": [{"googleSearch": {"excludeDomains": ["example.invalid"]}}],
        },
    ),
    "an answer by a schema": (
        {"messages": [USER], "response_format": FORM},
        {
            "contents": [HI],
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": {
                    "type": "OBJECT",
                    "properties": {"a": {"type": "STRING"}},
                    "propertyOrdering": ["a"],
                    "required": ["a"],
                },
            },
        },
    ),
    "a voice": (
        {
            "messages": [USER],
            "modalities": ["text", "audio"],
            "audio": {"voice": "Kore", "format": "pcm16"},
        },
        {
            "contents": [HI],
            "generationConfig": {
                "responseModalities": ["TEXT", "AUDIO"],
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
            },
        },
    ),
    "what Gemini alone has": (
        {
            "messages": [USER],
            "top_k": 40,
            "safety_settings": [
                {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}
            ],
            "extra_body": {
                "google": {"thinking_config": {"thinking_budget": 5, "include_thoughts": True}}
            },
        },
        {
            "contents": [HI],
            "generationConfig": {
                "topK": 40.0,
                "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 5},
            },
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        },
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_body_becomes_a_request(name: str) -> None:
    body, wanted = REQUESTS[name]
    assert gemini_request({"model": "m", **body}, "gemini-2.5-flash") == wanted


def config(
    model: str, notes: Notes | None = None, options: Options | None = None, **body: Any
) -> Any:
    made = gemini_request({"messages": [USER], **body}, model, options, notes)
    return made.get("generationConfig")


@pytest.mark.parametrize(
    ("model", "effort", "wanted"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 1024}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024}),
        ("publishers/google/models/gemini-2.5-pro", "medium", {"thinkingBudget": 8192}),
        ("gemini-2.5-flash-lite", "high", {"thinkingBudget": 24576}),
        ("gemini-2.5-flash", "xhigh", {"thinkingBudget": 24576}),
        ("gemini-3-flash-preview", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro-preview", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "HIGH"}),
        ("gemini-3.1-pro-preview", "medium", {"thinkingLevel": "MEDIUM"}),
        ("gemini-3.5-flash", "max", {"thinkingLevel": "HIGH"}),
        ("projects/p/locations/l/models/7", "low", {"thinkingBudget": 1024}),
    ],
)
def test_an_effort_is_a_budget_or_a_level(model: str, effort: str, wanted: dict[str, Any]) -> None:
    assert config(model, reasoning_effort=effort) == {"thinkingConfig": wanted}


@pytest.mark.parametrize(
    ("model", "effort", "budget"),
    [
        ("gemini-2.5-flash", "minimal", 1),
        ("gemini-2.5-pro", "minimal", 128),
        ("gemini-2.5-flash-lite", "minimal", 512),
        ("gemini-2.5-flash", "medium", 2048),
    ],
)
def test_the_budgets_can_be_litellms(model: str, effort: str, budget: int) -> None:
    made = config(model, options=Options(efforts="litellm"), reasoning_effort=effort)
    assert made == {"thinkingConfig": {"thinkingBudget": budget}}


def test_litellms_thinking_is_understood() -> None:
    made = config("gemini-2.5-pro", thinking={"type": "enabled", "budget_tokens": 300})
    assert made == {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 300}}


def test_gemini_3_gets_a_signature_on_calls_of_the_past() -> None:
    body = {"messages": [USER, {"role": "assistant", "tool_calls": [CALL]}]}
    (part,) = gemini_request(body, "gemini-3-pro")["contents"][1]["parts"]
    assert set(part) == {"functionCall", "thoughtSignature"}


def test_a_signature_that_came_with_a_call_goes_back_with_it() -> None:
    call = {**CALL, "extra_content": {"google": {"thought_signature": "c2ln"}}}
    body = {"messages": [USER, {"role": "assistant", "tool_calls": [call]}]}
    (part,) = gemini_request(body, "gemini-2.5-pro")["contents"][1]["parts"]
    assert part["thoughtSignature"] == "c2ln"


def test_a_picture_has_a_resolution_of_its_own_where_the_model_knows_one() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": PNG, "detail": detail}}
        for detail in ("low", "high")
    ]
    body = {"messages": [{"role": "user", "content": parts}]}
    made = gemini_request(body, "gemini-3-pro-preview")
    assert [one["mediaResolution"]["level"][-4:] for one in made["contents"][0]["parts"]] == [
        "_LOW",
        "HIGH",
    ]
    assert "generationConfig" not in made
    notes: Notes = []
    made = gemini_request(body, "gemini-2.5-pro", None, notes)
    assert made["generationConfig"] == {"mediaResolution": "MEDIA_RESOLUTION_HIGH"}
    assert losses(notes) == {("approximated", "messages[].content[].image_url.detail")}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"user": "u", "store": True, "service_tier": "flex"}, {"user", "store", "service_tier"}),
        ({"logit_bias": {}, "parallel_tool_calls": True, "verbosity": "medium"}, set()),
        ({"temperature": None, "logit_bias": None, "unheard_of": None}, set()),
    ],
)
def test_what_says_nothing_of_the_answer_is_left_out(
    body: dict[str, Any], wanted: set[str]
) -> None:
    notes: Notes = []
    gemini_request({"messages": [USER], **body}, "gemini-2.5-flash", None, notes)
    assert losses(notes) == {("ignored", name) for name in wanted}


def test_a_preference_for_one_tool_at_a_time_is_told_and_refuses_nothing() -> None:
    notes: Notes = []
    body = {"messages": [USER], "parallel_tool_calls": False}
    gemini_request(body, "gemini-2.5-flash", None, notes)
    assert losses(notes) == {("approximated", "parallel_tool_calls")}


@pytest.mark.parametrize(
    ("model", "body", "field"),
    [
        ("gemini-2.5-flash", {"logit_bias": {"1": 1}}, "logit_bias"),
        ("gemini-2.5-flash", {"verbosity": "low"}, "verbosity"),
        ("gemini-2.5-flash", {"unheard_of": 1}, "unheard_of"),
        ("gemini-3-flash-preview", {"presence_penalty": 1}, "presence_penalty"),
        ("gemini-2.0-flash", {"reasoning_effort": "high"}, "reasoning_effort"),
        ("gemini-2.5-flash", {"messages": [{**USER, "name": "Ann"}]}, "messages[].name"),
        (
            "gemini-2.5-flash",
            {"web_search_options": {"user_location": {"type": "approximate"}}},
            "web_search_options.user_location",
        ),
        ("gemini-2.5-flash", {"audio": {"voice": "Kore", "format": "mp3"}}, "audio.format"),
    ],
)
def test_what_the_answer_may_differ_for_is_told_as_lost(
    model: str, body: dict[str, Any], field: str
) -> None:
    notes: Notes = []
    gemini_request({"messages": [USER], **body}, model, None, notes)
    assert losses(notes) == {("lost", field)}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"n": 0}, "n"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        (
            {"tool_choice": "f", "tools": [{"type": "function", "function": {"name": "f"}}]},
            "tool_choice",
        ),
        ({"messages": []}, "messages"),
        ({"reasoning_effort": "utmost"}, "reasoning_effort"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"modalities": ["smell"]}, "modalities"),
        ({"safety_settings": [{"category": "x"}]}, "safety_settings[0]"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "tool", "tool_call_id": "c9", "content": "x"}]},
            "messages[0].tool_call_id",
        ),
    ],
)
def test_what_openai_would_refuse_fails_alone(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RowRefusedError) as caught:
        gemini_request({"messages": [USER], **body}, "gemini-2.5-flash")
    assert caught.value.error["param"] == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [{"type": "custom"}]}, "body.tools[0].type"),
        ({"n": 9}, "body.n"),
        ({"stream": True}, "body.stream"),
        ({"cached_content": "cachedContents/1"}, "body.cached_content"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "file", "file": {"file_id": "file-1"}}],
                    }
                ]
            },
            "body.messages[0].content[0].file.file_id",
        ),
        (
            {"messages": [USER, {"role": "assistant", "audio": {"id": "a"}}]},
            "body.messages[1].audio",
        ),
    ],
)
def test_what_cannot_be_carried_at_all_refuses_the_file(body: dict[str, Any], param: str) -> None:
    with pytest.raises(LineRefusedError) as caught:
        gemini_request({"messages": [USER], **body}, "gemini-2.5-flash")
    assert caught.value.param == param
