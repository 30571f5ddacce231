from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import parse_form

from batchyard.effects import Request, Send
from batchyard.steps import BytesSource, FilePart, Multipart
from tests.drivers.faces import Face
from tests.drivers.site import Site, saying


def form(
    filename: str = "in.jsonl",
    content: bytes = b"{}\n",
    fields: tuple[tuple[str, str], ...] = (("purpose", "batch"),),
    content_type: str = "application/jsonl",
) -> Multipart:
    return Multipart(fields, FilePart("file", filename, content_type, BytesSource(content)))


def parsed(made: Multipart) -> tuple[dict[str, str], dict[str, Any]]:
    """The form as a server's parser reads it."""
    fields: dict[str, str] = {}
    files: dict[str, Any] = {}
    body = b"".join(made.chunks())
    headers = {
        "Content-Type": made.content_type.encode(),
        "Content-Length": str(made.length).encode(),
    }

    def on_field(field: Any) -> None:
        fields[field.field_name.decode()] = (field.value or b"").decode()

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        files[file.field_name.decode()] = (file.file_name, file.file_object.read())
        file.close()

    parse_form(headers, OneRead(body), on_field, on_file)
    return fields, files


class OneRead:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, size: int) -> bytes:
        piece, self._body = self._body[:size], self._body[size:]
        return piece


def test_a_server_reads_what_was_put_in() -> None:
    fields = (("purpose", "batch"), ("expires_after[anchor]", "created_at"), ("empty", ""))
    content = bytes(range(256)) * 2000
    got, files = parsed(form("in.jsonl", content, fields))
    assert got == dict(fields)
    assert files == {"file": (b"in.jsonl", content)}


@pytest.mark.parametrize(
    "filename",
    [
        'quo"te.jsonl',
        "line\r\nbreak: x\r\n\r\n.jsonl",
        "ünï😀.jsonl",
        "semi;colon=1.jsonl",
        "back\\slash",
        "undecodable\udcff.jsonl",
        "",
    ],
)
def test_a_hostile_name_stays_a_name(filename: str) -> None:
    made = form(filename)
    body = b"".join(made.chunks())
    assert len(body) == made.length
    head = body.partition(b"\r\n\r\n{}")[0].split(b"Content-Disposition")[-1]
    assert head.count(b"\r\n") == 1  # between this header and the content's type
    assert parsed(made)[1]["file"][1] == b"{}\n"


def test_a_hostile_field_or_type_stays_in_its_place() -> None:
    made = form(fields=(('a"\r\nb', "v"),), content_type="a/b\r\nx-injected: 1")
    fields, files = parsed(made)
    assert fields == {"a%22%0D%0Ab": "v"}
    assert files["file"][1] == b"{}\n"
    assert b"\r\nx-injected" not in b"".join(made.chunks())


@given(
    filename=st.text(max_size=20),
    content=st.binary(max_size=200),
    values=st.lists(st.text(max_size=20), max_size=3),
)
def test_the_declared_length_is_that_of_the_bytes(
    filename: str, content: bytes, values: list[str]
) -> None:
    fields = tuple((f"f{number}", value) for number, value in enumerate(values))
    made = form(filename, content, fields)
    bodies = [b"".join(made.chunks()) for _ in range(2)]
    assert [len(body) for body in bodies] == [made.length] * 2
    assert bodies[0] == bodies[1]
    assert parsed(made)[1]["file"][1] == content


def test_two_forms_have_two_boundaries() -> None:
    assert form().boundary != form().boundary


def test_a_form_is_sent_with_its_length(face: Face) -> None:
    made = form(content=b"x" * 500_000)

    async def plan(url: str) -> int:
        headers = {"content-type": made.content_type}
        return (await Send(Request("POST", url, headers, made))).status

    with Site(saying(b"")) as site:
        assert face.run(plan(site.url)) == 200
    seen = site.requests[0]
    assert seen.headers["content-length"] == str(len(seen.body)) == str(made.length)
    assert seen.headers["content-type"] == made.content_type
    assert seen.body == b"".join(made.chunks())
