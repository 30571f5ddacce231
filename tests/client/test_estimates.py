from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import InputError
from tests.client.conftest import Service, settled
from tests.client.requests import chat_lines


def test_a_file_is_estimated_without_sending_anything(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(chat_lines(100, max_tokens=50))

    async def body(client: Any) -> None:
        found = await settled(client.batches.estimate(path))
        assert (found.lines, found.account) == (100, "openai")
        assert found.output.high == 5000
        assert found.cost.low is not None
        assert found.cost.high is not None
        assert 0 < found.cost.low < found.cost.high
        assert {one.limit: one.fits for one in found.limits}["lines"] is True

    service.run(body)
    assert list(service.emulator.requests) == []


def test_bytes_and_pieces_are_estimated_too(service: Service) -> None:
    content = chat_lines(10)

    async def body(client: Any) -> None:
        of_bytes = await settled(client.batches.estimate(content, output_tokens=20))
        of_pieces = await settled(client.batches.estimate(iter([content]), output_tokens=20))
        assert of_bytes == of_pieces
        assert of_bytes.output.expected == 200

    service.run(body)


def test_the_accounts_own_prices_count(service: Service, tmp_path: Path) -> None:
    config = tmp_path / "batchyard.toml"
    config.write_text(
        '[accounts.house]\nprovider = "openai"\n'
        f'api_key = "sk-test"\nbase_url = "{service.url}/v1"\n'
        '[accounts.house.prices."gpt-4.1-mini"]\ninput = 1000000\noutput = 0\n'
    )

    async def body(client: Any) -> None:
        found = await settled(client.batches.estimate(chat_lines(1), output_tokens=0))
        assert found.cost.expected == found.input.expected

    service.run(body, account="house", config_file=config)


def test_what_is_no_file_is_refused(service: Service, tmp_path: Path) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(InputError):
            await settled(client.batches.estimate(tmp_path / "missing.jsonl"))

    service.run(body)
