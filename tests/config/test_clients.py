"""The clients' arguments, and what they cost who configures nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from batchyard import AsyncClient, Client
from batchyard.errors import ConfigError
from batchyard.registry import Registry
from tests.config.conftest import Desk


def test_a_client_is_made_of_an_account_by_its_name(desk: Desk) -> None:
    desk.write('[accounts.mine]\nprovider = "acme"\nkey = "k"\nregion = "x"')
    registry = Registry({})
    ways: list[dict[str, Any]] = [{"provider": "mine"}, {"account": "mine"}, {}]
    for arguments in ways:
        with Client(registry=registry, **arguments) as client:
            assert repr(client) == "Client('acme', account='mine')"


def test_the_async_client_takes_the_same_arguments(desk: Desk) -> None:
    path = desk.write('[accounts.mine]\nprovider = "acme"\nkey = "k"', "elsewhere.toml")

    async def main() -> str:
        async with AsyncClient("mine", config_file=path, registry=Registry({})) as client:
            return client.account.name

    assert asyncio.run(main()) == "mine"


def test_arguments_stand_above_the_accounts_settings(desk: Desk) -> None:
    desk.write('[accounts.mine]\nprovider = "acme"\nkey = "k"')
    with (
        pytest.raises(ConfigError, match=r"^acme: region: "),
        Client("mine", region="too long", registry=Registry({})),
    ):
        pass


def modules(code: str, desk: Desk, **environ: str) -> set[str]:
    """The modules that a new interpreter has imported after *code*."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import sys; {code}; print(*sys.modules)"],
        cwd=desk.folder,
        env={"HOME": str(desk.folder), "OPENAI_API_KEY": "sk-x", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_without_a_configuration_nothing_more_is_imported(desk: Desk) -> None:
    code = "from batchyard import Client; Client('openai').close()"
    lean = modules(code, desk)
    assert "batchyard.config" in lean
    assert {"pydantic_settings", "tomllib"} & lean == set()
    desk.write("")
    assert "pydantic_settings" in modules(code, desk)
    variable = {"BATCHYARD_ACCOUNTS__X__PROVIDER": "openai", "BATCHYARD_CONFIG": "/dev/null"}
    assert "pydantic_settings" in modules(code, desk, **variable)
