from __future__ import annotations

import json

import pytest

from batchyard_azure._lines import rewriter

REWRITE = rewriter({"gpt-4o": "ours", "o3": 'a "quoted" ü'})
PREFIX = b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": '


def test_a_model_that_is_mapped_becomes_its_deployment() -> None:
    line = PREFIX + b'{"messages": [{"content": "\\"model\\": \\"gpt-4o\\""}], "model": "gpt-4o"}}'
    wanted = {**json.loads(line)}
    wanted["body"]["model"] = "ours"
    assert json.loads(REWRITE(line)) == wanted


def test_a_name_that_needs_escaping_is_escaped_and_one_that_is_escaped_is_found() -> None:
    made = json.loads(REWRITE(PREFIX + b'{"model": "\\u006f3"}}'))
    assert made["body"] == {"model": 'a "quoted" ü'}


def test_all_other_values_keep_their_bytes() -> None:
    odd = rb'[1.10, 1e400, 123456789012345678901234567890, "\u00e9\ud83d\ude00", "\/", {"a":  1}]'
    made = REWRITE(PREFIX + b'{"model": "gpt-4o", "messages": ' + odd + b"}}")
    assert made.endswith(b'"body":{"model":"ours","messages":' + odd + b"}}")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"  ",
        b"not json",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"custom_id": "a"}',
        b'{"body": 7}',
        PREFIX + b'{"model": "gpt-4o", "user": "half a pair: \\ud83d"}}',
        PREFIX + b"{}}",
        PREFIX + b'{"model": 7}}',
        PREFIX + b'{"model": null}}',
        PREFIX + b'{"model": "gpt-4o-mini", "n": 1.0}}',
        PREFIX + b'{"messages": [{"model": "gpt-4o"}]}}',
    ],
)
def test_a_line_in_which_nothing_is_mapped_stays_as_it_is(line: bytes) -> None:
    assert REWRITE(line) == line


def test_the_dated_apis_endpoint_becomes_that_of_the_v1_api() -> None:
    line = b'{"custom_id":"a","url":"/chat/completions","body":{"model":"gpt-4o-mini"}}'
    assert REWRITE(line) == line.replace(b"/chat", b"/v1/chat")
    assert rewriter({})(line) == REWRITE(line)
