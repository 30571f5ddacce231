"""Whatever a chat line says, it becomes parameters that Claude takes, and comes back as itself."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from batchyard_anthropic._ids import PLAIN, original_of, sent_id
from batchyard_anthropic._lines import MESSAGES, prepared, result_line, row_of
from batchyard_anthropic.emulator._answers import result_of
from batchyard_anthropic.emulator._params import check_params
from batchyard_anthropic.translation import Options
from tests.anthropic.lines import CHAT, MODEL, chat_line

TEXT = st.text(min_size=1, max_size=20)
NAME = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
PIXEL = "data:image/png;base64,iVBORw0KGgo="

PARTS = st.lists(
    st.one_of(
        TEXT.map(lambda text: {"type": "text", "text": text}),
        st.just({"type": "image_url", "image_url": {"url": PIXEL}}),
        st.just({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}),
    ),
    min_size=1,
    max_size=3,
)
SYSTEM = st.builds(
    lambda role, text: {"role": role, "content": text},
    st.sampled_from(["system", "developer"]),
    TEXT,
)
USER = st.builds(lambda content: {"role": "user", "content": content}, st.one_of(TEXT, PARTS))
ASSISTANT = st.builds(lambda text: {"role": "assistant", "content": text}, TEXT)


@st.composite
def tool_turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Calls, and a result of each."""
    names = draw(st.lists(NAME, min_size=1, max_size=3, unique=True))
    arguments = st.dictionaries(TEXT, st.integers() | TEXT, max_size=2)
    calls = [
        {
            "id": f"call_{name}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(draw(arguments))},
        }
        for name in names
    ]
    results = [
        {
            "role": "tool",
            "tool_call_id": f"call_{name}",
            "content": draw(st.one_of(TEXT, st.just(""))),
        }
        for name in names
    ]
    said = draw(st.none() | TEXT)
    return [{"role": "assistant", "content": said, "tool_calls": calls}, *results]


CONVERSATIONS = st.builds(
    lambda system, first, rest: [*system, first, *(turn for turns in rest for turn in turns)],
    st.lists(SYSTEM, max_size=2),
    USER,
    st.lists(
        st.one_of(USER.map(lambda one: [one]), ASSISTANT.map(lambda one: [one]), tool_turns()),
        max_size=4,
    ),
)
TOOLS = st.lists(
    NAME.map(lambda name: {"type": "function", "function": {"name": name}}), min_size=1, max_size=2
)
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "max_tokens": st.integers(1, 100_000),
    "max_completion_tokens": st.integers(1, 100_000),
    "top_p": st.floats(0, 1),
    "stop": st.one_of(TEXT, st.lists(TEXT, max_size=3)),
    "user": TEXT,
    "tools": TOOLS,
    "tool_choice": st.sampled_from(["none", "auto", "required"]),
    "parallel_tool_calls": st.booleans(),
    "n": st.integers(1, 3),
    "seed": st.integers(),
    "metadata": st.dictionaries(TEXT, TEXT, max_size=1),
}
BODIES = st.fixed_dictionaries(
    {"model": st.sampled_from([MODEL, "claude-sonnet-5"]), "messages": CONVERSATIONS},
    optional=OPTIONAL,
).flatmap(
    lambda body: st.one_of(
        st.just(body),
        st.sampled_from(["none", "minimal", "low", "medium", "high"]).map(
            lambda effort: {**body, "reasoning_effort": effort}
        ),
        st.floats(0, 2).map(lambda heat: {**body, "temperature": heat}),
    )
)
IDS = st.text(st.characters(), max_size=120)


@settings(max_examples=60, deadline=None)
@given(custom_id=IDS, body=BODIES)
def test_any_chat_line_becomes_parameters_and_comes_back_under_its_id(
    custom_id: str, body: dict[str, Any]
) -> None:
    line = json.dumps({"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body})
    made = prepared(line.encode(), Options())
    request = json.loads(made.request)
    assert set(request) == {"custom_id", "params"}
    assert PLAIN.fullmatch(request["custom_id"])
    check_params(request["params"])
    row = row_of(json.dumps(result_of(request["custom_id"], request["params"], 0)).encode())
    assert row is not None
    sent, result = row
    back = original_of(sent) if len(custom_id.encode()) <= 45 else custom_id
    answer = json.loads(result_line(back, result, made.endpoint, 0))
    assert answer["custom_id"] == custom_id
    completion = answer["response"]["body"]
    assert completion["object"] == "chat.completion"
    usage = completion["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


@settings(max_examples=100, deadline=None)
@given(IDS | st.from_regex(r"(b64_|sha_)[a-zA-Z0-9_-]{0,60}", fullmatch=True))
def test_what_is_sent_for_an_id_is_taken_and_tells_it_apart(custom_id: str) -> None:
    sent = sent_id(custom_id)
    assert PLAIN.fullmatch(sent)
    if not sent.startswith("sha_"):
        assert original_of(sent) == custom_id
    else:
        assert len(custom_id.encode("utf-8", "surrogatepass")) > 45
    assert sent_id(custom_id) == sent


def test_half_a_surrogate_pair_is_an_id_too() -> None:
    line = json.dumps(chat_line("\ud800 x", "\ud83d")).encode()
    request = json.loads(prepared(line, Options()).request)
    assert original_of(request["custom_id"]) == "\ud800 x"
    assert request["params"]["messages"][0]["content"] == "\ud83d"
    assert json.loads(result_line("\ud800", {"type": "expired"}, MESSAGES, 0))["custom_id"]


def test_nesting_without_end_is_refused_and_no_crash() -> None:
    assert row_of(b"[" * 100_000) is None
