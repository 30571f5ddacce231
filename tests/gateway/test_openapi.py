"""The document that describes the API is true, and can be read."""

from __future__ import annotations

import json
import re
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from batchyard.gateway._openapi import document_of
from batchyard.gateway._page import page_of
from batchyard.gateway.routes import ADMIN, OPERATIONS
from tests.gateway.site import CHAT, Site, lines

CHECKS = (
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
SCHEMA = schemathesis.openapi.from_dict(document_of(OPERATIONS, ADMIN))
FOUND: list[Any] = [result.ok() for result in SCHEMA.get_all_operations()]  # type: ignore[union-attr]  # one that is not would end it here
DESCRIBED = {one.label: one for one in FOUND}


@pytest.fixture(scope="module")
def known(site: Site) -> dict[str, str]:
    """Things that there are."""
    client = site.openai()
    file = client.files.create(file=("in.jsonl", lines(3)), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    site.follow()
    return {"file_id": file.id, "batch_id": batch.id}


@pytest.mark.parametrize("examples", [8, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("label", sorted(DESCRIBED))
def test_the_gateway_is_as_it_is_described(
    site: Site, known: dict[str, str], label: str, examples: int
) -> None:
    """With what the document allows and with what it does not, of things that are there or not."""
    operation = DESCRIBED[label]
    named = {name: known[name] for name in known if f"{{{name}}}" in operation.path}
    strategies = [operation.as_strategy(mode) for mode in GenerationMode]
    if named and operation.method != "delete":
        strategies += [operation.as_strategy(m, path_parameters=named) for m in GenerationMode]

    @settings(
        max_examples=examples * len(strategies),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(strategies))
    def conforms(case: Any) -> None:
        case.call_and_validate(base_url=site.url, checks=list(CHECKS))

    conforms()


def test_every_operation_is_described(site: Site) -> None:
    with site.http() as http:
        document = http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    prefixed = {(one.method, "/v1" + one.path.replace(":path", "")) for one in OPERATIONS}
    assert described == prefixed | {(one.method, one.path) for one in ADMIN}
    names = [one["operationId"] for it in document["paths"].values() for one in it.values()]
    assert len(names) == len(set(names))
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert references <= set(document["components"]["schemas"])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.links.append(value)
            if name == "id" and value:
                self.ids.add(value)


def test_the_page_is_whole_in_itself(site: Site) -> None:
    with site.http() as http:
        page = http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    reader = _Reader()
    reader.feed(page.text)
    assert not reader.tags & {"script", "img", "link", "iframe"}
    inside = {one[1:] for one in reader.links if one.startswith("#")}
    assert {one for one in reader.links if not one.startswith("#")} == {"openapi.json"}
    assert inside <= reader.ids
    for one in (*OPERATIONS, *ADMIN):
        assert escape(one.summary) in page.text


def test_the_page_escapes_what_it_shows() -> None:
    document = document_of(OPERATIONS)
    evil = "<script>alert(1)</script>\"'&`<b>`"

    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: poisoned(one) for name, one in value.items()}
        if isinstance(value, list):
            return [poisoned(one) for one in value]
        return value + evil if isinstance(value, str) else value

    page = page_of(poisoned(document))
    assert "<script" not in page
    assert "<b>" not in page
