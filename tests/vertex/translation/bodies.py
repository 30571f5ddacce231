"""Any valid body of a chat completion, as far as OpenAI's reference goes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.vertex.translation.lines import Line, line

__all__ = ["chat_bodies", "chat_lines"]

Body = dict[str, Any]

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
# half a surrogate pair is no text, and core refuses the line
TEXTS = st.text(max_size=30)
PNG = "data:image/png;base64,aGk="
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9), TEXTS
)


def _typed(draw: st.DrawFn, depth: int) -> Body:
    kind = draw(st.sampled_from(["string", "integer", "number", "boolean", "array", "object"]))
    schema: Body = {"type": kind}
    if kind == "string" and draw(st.booleans()):
        schema |= draw(
            st.sampled_from(
                [{"format": "email"}, {"enum": ["a", "b"]}, {"pattern": "^x$"}, {"maxLength": 5}]
            )
        )
    if kind in {"integer", "number"} and draw(st.booleans()):
        schema |= draw(
            st.sampled_from(
                [{"minimum": 0}, {"exclusiveMaximum": 9}, {"multipleOf": 3}, {"enum": [1, 2]}]
            )
        )
    if kind == "array":
        schema["items"] = draw(schemas(depth + 1))
    if kind == "object":
        schema |= draw(objects(depth + 1))
    return schema


_FORMS = ("nullable", "either", "referred", "merged")


@st.composite
def schemas(draw: st.DrawFn, depth: int = 0) -> Body:
    """Of at most three levels: the importer takes no more than six."""
    if depth >= 3:
        return {"type": "string"}
    form = draw(st.sampled_from(["typed", "typed", "typed", *_FORMS]))
    if form == "nullable":
        return {"type": [draw(st.sampled_from(["string", "integer"])), "null"]}
    if form == "either":
        return {"anyOf": [draw(schemas(depth + 1)), {"type": "null"}, draw(schemas(depth + 1))]}
    if form == "referred":
        choices: list[Body] = [{}, {"description": "x"}, {"required": ["x"]}]
        beside = draw(st.sampled_from(choices))
        return {"$ref": "#/$defs/Thing", **beside}
    if form == "merged":
        others: list[Body] = [{"description": "x"}, {"default": 1}, {"title": "y"}]
        more = draw(st.sampled_from(others))
        return {"allOf": [draw(schemas(depth)), more]}
    return _typed(draw, depth)


@st.composite
def objects(draw: st.DrawFn, depth: int = 0) -> Body:
    properties = draw(st.dictionaries(NAMES, schemas(depth), max_size=3))
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def roots() -> st.SearchStrategy[Body]:
    thing = {"type": "object", "properties": {"x": {"const": "y"}}}
    return objects().map(lambda one: {**one, "$defs": {"Thing": thing}})


PARTS = st.one_of(
    TEXTS.map(lambda text: {"type": "text", "text": text}),
    st.sampled_from(["low", "high", "auto"]).map(
        lambda detail: {"type": "image_url", "image_url": {"url": PNG, "detail": detail}}
    ),
    st.just({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}),
    st.just({"type": "file", "file": {"file_data": PNG, "filename": "a.png"}}),
)
CONTENTS = st.one_of(TEXTS, st.lists(PARTS, min_size=1, max_size=3))


@st.composite
def turns(draw: st.DrawFn, *, arguments: bool) -> list[Body]:
    kind = draw(st.sampled_from(["system", "developer", "user", "assistant", "calls"]))
    if kind != "calls":
        content = draw(TEXTS if kind != "user" else CONTENTS)
        return [{"role": kind, "content": content}]
    given = draw(st.dictionaries(NAMES, VALUES, max_size=3)) if arguments else {}
    calls = [
        {
            "id": f"c{number}",
            "type": "function",
            "function": {"name": "f", "arguments": json.dumps(given)},
        }
        for number in range(draw(st.integers(1, 2)))
    ]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": draw(TEXTS)} for call in calls
    ]
    said = {"role": "assistant", "content": draw(st.none() | TEXTS), "tool_calls": calls}
    return [said, *draw(st.permutations(results))]


OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "temperature": st.none() | st.floats(0, 2) | st.integers(0, 2),
    "top_p": st.floats(0, 1),
    "max_completion_tokens": st.integers(1, 10**6),
    "max_tokens": st.integers(1, 10**6),
    "n": st.integers(1, 8),
    "stop": TEXTS.filter(bool) | st.lists(TEXTS.filter(bool), max_size=4) | st.none(),
    "seed": st.integers(-(2**63), 2**63 - 1),
    "presence_penalty": st.floats(-2, 2) | st.integers(-2, 2),
    "frequency_penalty": st.floats(-2, 2),
    "logit_bias": st.dictionaries(st.just("50256"), st.integers(-100, 100)),
    "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh"]),
    "verbosity": st.sampled_from(["low", "medium", "high"]),
    "parallel_tool_calls": st.booleans(),
    "user": TEXTS,
    "metadata": st.dictionaries(TEXTS, TEXTS, max_size=3),
    "store": st.booleans(),
    "service_tier": st.sampled_from(["auto", "flex"]),
    "prediction": st.just({"type": "content", "content": "x"}),
    "web_search_options": st.just({}) | st.just({"search_context_size": "low"}),
    "response_format": st.one_of(
        st.just({"type": "text"}),
        st.just({"type": "json_object"}),
        roots().map(
            lambda schema: {
                "type": "json_schema",
                "json_schema": {"name": "s", "strict": True, "schema": schema},
            }
        ),
    ),
}


@st.composite
def chat_bodies(draw: st.DrawFn, *, arguments: bool = True) -> Body:
    given = draw(st.lists(turns(arguments=arguments), min_size=1, max_size=4))
    body: Body = {"messages": [message for turn in given for message in turn]}
    for name in draw(st.sets(st.sampled_from(sorted(OPTIONAL)), max_size=6)):
        body[name] = draw(OPTIONAL[name])
    if draw(st.booleans()):
        body |= {"logprobs": True, "top_logprobs": draw(st.integers(0, 20))}
    if draw(st.booleans()):
        names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": name, "description": "", "parameters": draw(roots())},
            }
            for name in names
        ]
        named = {"type": "function", "function": {"name": names[0]}}
        choices: list[Any] = ["none", "auto", "required", named, None]
        body["tool_choice"] = draw(st.sampled_from(choices))
    return body


MODELS = ("gemini-2.0-flash", "gemini-2.5-flash", "gemini-2.5-pro", "gemini-3-pro-preview")


@st.composite
def chat_lines(draw: st.DrawFn, *, most: int = 1) -> list[Line]:
    """A file.  In one of several lines, calls have no arguments, whose types might differ."""
    model = draw(st.sampled_from(MODELS))
    ids = draw(st.lists(st.text(min_size=1, max_size=40), unique=True, min_size=1, max_size=most))
    return [
        line(
            custom_id,
            "/v1/chat/completions",
            model=model,
            **draw(chat_bodies(arguments=most == 1)),
        )
        for custom_id in ids
    ]
