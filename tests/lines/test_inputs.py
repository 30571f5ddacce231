from __future__ import annotations

import msgspec
import pytest

from batchyard.lines import decode_input

LINE = (
    b'{"custom_id":"\\u00e9","method":"POST","url":"/v1/responses","body":{"model":"m","n":1.50}}'
)


def test_a_line_is_decoded_and_its_body_is_left_as_it_was() -> None:
    line = decode_input(LINE)
    assert (line.custom_id, line.method, line.url) == ("é", "POST", "/v1/responses")
    assert bytes(line.body) == b'{"model":"m","n":1.50}'
    assert line.request == {"model": "m", "n": 1.5}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"custom_id":"a"}',
        b'{"custom_id":1,"method":"POST","url":"/","body":{}}',
        b'{"custom_id":"\xff","method":"POST","url":"/","body":{}}',
        b'{"custom_id":"a","method":"POST","url":"/","body":' + b"[" * 100_000,
    ],
)
def test_whatever_is_wrong_is_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_input(data)


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"a":"\xff"}'])
def test_a_body_that_is_no_request_is_the_same_kind_of_error(body: bytes) -> None:
    line = decode_input(b'{"custom_id":"a","method":"POST","url":"/","body":' + body + b"}")
    with pytest.raises(msgspec.DecodeError):
        line.request  # noqa: B018 - it is decoded when it is read
