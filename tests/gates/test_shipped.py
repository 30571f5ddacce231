"""The gates that ship with core: found, made and asked like any other."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest

from batchyard.errors import ConfigError
from batchyard.gates import GateChain, Tally, pass_file
from batchyard.hookspecs import GateLine, Verdict
from batchyard.models import FileReport
from batchyard.registry import Registry
from batchyard.steps import BytesSource
from tests.gates.lines import body_of, numbered, request

PEOPLE = "Write to Ana <ana.b+c@example.co.uk>, or call +49 (30) 1234-5678."


def made(name: str, **settings: Any) -> GateChain:
    return GateChain([(name, Registry({}).gate(name, settings))])


def redacted(text: str, **settings: Any) -> str:
    (verdict,) = made("redact", **settings).check_lines(numbered(request("a", text)))
    if verdict.action == "keep":
        return text
    assert verdict.data is not None, verdict
    content: str = body_of(verdict.data)["messages"][0]["content"]
    return content


@pytest.mark.parametrize(
    ("pattern", "text", "left"),
    [
        ("email", "to ana.b+c@example.co.uk.", "to [email]."),
        ("phone", "call +49 (30) 1234-5678 now", "call [phone] now"),
        ("phone", "call (415) 555-0132 now", "call [phone] now"),
        ("card", "4111 1111 1111 1111 12/27", "[card] 12/27"),
        ("card", "order 4111 1111 1111 1112", "order 4111 1111 1111 1112"),
        ("iban", "DE89 3704 0044 0532 0130 00 AND more", "[iban] AND more"),
        ("iban", "DE88 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),
        ("ssn", "it is 078-05-1120", "it is [ssn]"),
        ("ipv4", "from 10.0.254.7", "from [ipv4]"),
        ("ipv4", "version 1.2.3.444", "version 1.2.3.444"),
        ("secret", "key sk-abcdefghijklmnopqrst1234!", "key [secret]!"),
    ],
)
def test_each_named_pattern_takes_out_the_real_thing(pattern: str, text: str, left: str) -> None:
    assert redacted(text, patterns=[pattern]) == left


def test_texts_are_found_behind_json_s_escapes_and_wherever_they_are_in_a_body() -> None:
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "ana@example.com"}]}],
        "metadata": {"who": "bo@example.com"},
    }
    line = request("a", **body).replace(b"@", rb"\u0040")
    chain = made("redact", patterns=["email"])
    (verdict,) = chain.check_lines(numbered(line))
    assert verdict.data is not None
    assert b"example.com" not in verdict.data
    sent = json.loads(verdict.data)
    assert sent["custom_id"] == "a"
    assert sent["body"]["metadata"] == {"who": "[email]"}
    assert verdict.changes == {"email": 2}


def test_models_and_encoded_media_are_left_as_they_are() -> None:
    image = "data:image/png;base64,4111111111111111"
    line = request("a", image, model="m-4111111111111111")
    assert made("redact", patterns=["card"]).check_lines(numbered(line)) == [Verdict.keep()]


@pytest.mark.parametrize(
    "text",
    [
        "data: write to {}",
        "data:text/plain,{}",
        "data:image/png;base64,AAAA {}",
        "data:image/png;base64,AAAA==\n{}",
        "data:text/plain;charset=utf-8;base64,{}",
    ],
)
def test_what_merely_begins_like_media_is_looked_through(text: str) -> None:
    said = text.format("ana@example.com")
    assert redacted(said, patterns=["email"]) == text.format("[email]")


def test_what_nearly_is_media_takes_no_time() -> None:
    began = time.perf_counter()
    for text in ("data:a/" + "a" * 10**6, "data:a/b" + ";a=b" * 10**5, "data:a/b;base64," * 10**5):
        assert redacted(text, patterns=["email"]) == text
    assert time.perf_counter() - began < 5


def test_own_patterns_have_a_name_and_may_refuse() -> None:
    settings = {"own": {"ticket": "TCK-[0-9]+"}, "replacement": "<{name}>"}
    assert redacted("see TCK-12, TCK-13", **settings) == "see <ticket>, <ticket>"
    chain = made("redact", refuse=["ticket"], **settings)
    (verdict,) = chain.check_lines(numbered(request("a", "see TCK-12")))
    assert (verdict.action, verdict.code) == ("refuse", "contains_ticket")


def test_a_value_that_is_hidden_behind_a_second_one_of_its_key_is_refused() -> None:
    line = request("a").replace(
        b'"messages"', b'"messages": [{"role": "user", "content": "ana@example.com"}], "messages"'
    )
    for chain in (made("redact", patterns=["email"]), made("models", deny_models=["x"])):
        (verdict,) = chain.check_lines(numbered(line))
        assert (verdict.action, verdict.code) == ("refuse", "key_twice")


@pytest.mark.parametrize("number", [b"1" * 5000, b"1e999"])
def test_a_line_that_cannot_be_read_is_refused_alone(number: bytes) -> None:
    odd = request("a", "ana@example.com").replace(
        b'"messages"', b'"seed": ' + number + b', "messages"'
    )
    for chain in (made("redact", patterns=["email"]), made("models", deny_models=["x"])):
        verdicts = chain.check_lines(numbered(request("b"), odd.replace(number, b"1")))
        assert "refuse" not in {one.action for one in verdicts}
        lines = [*numbered(request("b")), GateLine(2, "a", odd)]
        kept, refused = chain.check_lines(lines)
        assert (kept.action, refused.code) == ("keep", "number_too_large")


def test_a_pattern_that_takes_others_for_ever_takes_no_time_here() -> None:
    began = time.perf_counter()
    text = "a" * 200_000 + "!"
    assert redacted(text, own={"evil": "(?:a+)+$"}) == text
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"patterns": ["emial"]}, "email"),
        ({"own": {"broken": "("}}, "'broken'"),
        ({"own": {"nothing": "x*"}}, "nothing at all"),
        ({"own": {"group": "(x)"}}, r"\(\?:"),
        ({"own": {"backwards": r"(?:x)\1"}}, "'backwards'"),
        ({}, "name patterns"),
        ({"patterns": ["email"], "refuse": ["card"]}, "'card'"),
    ],
)
def test_settings_that_make_no_redaction_are_refused(settings: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made("redact", **settings)


@pytest.mark.parametrize(
    ("settings", "code", "param"),
    [
        ({"allow_models": ["gpt-4.1*"]}, "model_not_allowed", "body.model"),
        ({"deny_models": ["*-mini"]}, "model_not_allowed", "body.model"),
        ({"allow_models": ["*"], "deny_models": ["gpt-4o-*"]}, "model_not_allowed", "body.model"),
        ({"allow_endpoints": ["/v1/embeddings"]}, "endpoint_not_allowed", "url"),
        ({"deny_endpoints": ["/v1/chat/*"]}, "endpoint_not_allowed", "url"),
        ({"allow_fields": ["model", "messages"]}, "field_not_allowed", "body.tools"),
        ({"deny_fields": ["tools"]}, "field_not_allowed", "body.tools"),
        ({"deny_fields": ["tools.function.name"]}, "field_not_allowed", "body.tools.function.name"),
        ({"allow_models": ["gpt-4o*"], "allow_endpoints": ["/v1/*"]}, None, None),
        ({"allow_fields": ["*"], "deny_fields": ["tools.type.*"]}, None, None),
        ({}, None, None),
    ],
)
def test_what_may_be_asked_for_goes_by_patterns(
    settings: Any, code: str | None, param: str | None
) -> None:
    line = request("a", tools=[{"type": "function", "function": {"name": "f"}}])
    (verdict,) = made("models", **settings).check_lines(numbered(line))
    assert (verdict.code, verdict.param) == (code, param)


@pytest.mark.parametrize("depth", [2, 9, 150])
def test_a_denied_field_is_found_however_deep_it_is(depth: int) -> None:
    inner: Any = {"secret": 1}
    for number in range(depth):
        inner = [inner] if number % 2 else {"a": inner}
    chain = made("models", deny_fields=["*.secret"])
    (verdict,) = chain.check_lines(numbered(request("a", more=inner)))
    assert (verdict.action, verdict.code) == ("refuse", "field_not_allowed")


def test_names_of_fields_that_multiply_take_no_time() -> None:
    wide: Any = {"x" * 10**6: {f"{number}": 1 for number in range(10**5)}}
    deep: Any = 1
    for number in range(150):
        deep = {f"{number}" * 1000: deep}
    began = time.perf_counter()
    for body in (wide, deep):
        (verdict,) = made("models", deny_fields=["*.z"]).check_lines(numbered(request("a", m=body)))
        assert (verdict.action, verdict.code) == ("refuse", "too_deep")
    assert time.perf_counter() - began < 5


def test_a_line_without_a_model_asks_for_none_that_is_allowed() -> None:
    line = json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/moderations", "body": {}})
    (verdict,) = made("models", allow_models=["*"]).check_lines(numbered(line.encode()))
    assert verdict.code == "model_not_allowed"


def report_of(chain: GateChain, *lines: bytes) -> FileReport:
    tally = Tally()
    data = b"\n".join(lines)
    passed = pass_file(BytesSource(data), chain, io.BytesIO, lambda _: None, tally)
    return tally.report("file-1", passed.lines + passed.refused, passed.refused)


def test_the_report_counts_what_each_gate_did_with_examples_that_are_few() -> None:
    registry = Registry({})
    chain = GateChain(
        [
            ("policy", registry.gate("models", {"deny_models": ["*-pro"]})),
            ("privacy", registry.gate("redact", {"patterns": ["email"]})),
        ]
    )
    people = [request(f"p-{number}", PEOPLE + PEOPLE) for number in range(30)]
    report = report_of(
        chain, request("x"), request("y", model="gpt-5-pro"), request("z", PEOPLE), *people
    )
    assert (report.lines, report.refused, report.rewritten) == (33, 1, 31)
    policy, privacy = report.gates
    assert (policy.gate, policy.refused, policy.rewritten) == ("policy", 1, 0)
    (refused,) = policy.reasons
    assert (refused.action, refused.reason, refused.lines) == ("refuse", "model_not_allowed", 1)
    (example,) = refused.examples
    assert (example.line, example.custom_id) == (2, "y")
    assert "gpt-5-pro" in (example.message or "")
    (email,) = privacy.reasons
    assert (email.action, email.reason, email.lines, email.count) == ("rewrite", "email", 31, 61)
    assert [one.line for one in email.examples] == list(range(3, 13))
    assert "example.co.uk" not in report.model_dump_json()
