"""The official client, told nothing but the address."""

from __future__ import annotations

import json

import openai
import pytest

from tests.gateway.site import CHAT, Site, lines


def test_a_batch_goes_from_file_to_answers(site: Site) -> None:
    client = site.openai()
    file = client.files.create(file=("in.jsonl", lines(5)), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id,
        endpoint=CHAT,
        completion_window="24h",
        metadata={"run": "monday"},
    )
    assert (batch.status, batch.metadata) == ("validating", {"run": "monday"})
    site.follow()

    done = client.batches.retrieve(batch.id)
    assert done.status == "completed"
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed) == (5, 5)
    assert done.output_file_id is not None
    rows = [json.loads(row) for row in client.files.content(done.output_file_id).iter_lines()]
    assert [row["custom_id"] for row in rows] == [f"r-{number}" for number in range(5)]
    shown = client.files.retrieve(done.output_file_id)
    assert (shown.purpose, shown.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    assert done.output_file_id in {one.id for one in client.files.list()}


def test_lists_are_walked_page_by_page(site: Site) -> None:
    client = site.openai()
    made = []
    for _ in range(5):
        made.append(client.files.create(file=("in.jsonl", lines(1)), purpose="batch").id)
        site.clock.advance(1)
    walked = [one.id for one in client.files.list(limit=2, order="asc")]
    assert [one for one in walked if one in made] == made


@pytest.mark.anyio
async def test_the_async_client_does_the_same(site: Site) -> None:
    async with site.openai_async() as client:
        file = await client.files.create(file=("in.jsonl", lines(2)), purpose="batch")
        batch = await client.batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h"
        )
        cancelled = await client.batches.cancel(batch.id)
        assert cancelled.id == batch.id
        assert batch.id in [one.id async for one in client.batches.list(limit=1)]
        content = await client.files.content(file.id)
        assert content.content == lines(2)


def test_a_bad_line_is_named_and_nothing_is_kept(site: Site) -> None:
    client = site.openai()
    before = [one.id for one in client.files.list()]
    broken = lines(2) + b'{"custom_id": 7}\n'
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.create(file=("in.jsonl", broken), purpose="batch")
    error = refused.value.body
    assert isinstance(error, dict)
    assert {one["line"] for one in error["data"]} == {3}
    assert refused.value.request_id
    assert refused.value.request_id.startswith("req_")
    assert [one.id for one in client.files.list()] == before


def test_what_is_not_there_is_a_404_as_the_client_knows_it(site: Site) -> None:
    client = site.openai()
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_none")
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve("file-none")
