"""Configurations are read in a folder of their own, with a provider that has nested settings."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from batchyard.config import resolve
from batchyard.registry import Registry
from tests.registry.distributions import Site

PROVIDER = """
from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from batchyard.hookspecs import hookimpl
from batchyard.models import Batch


class Tariff(BaseModel):
    day: float = 0.0
    night: float = 0.0


class Proxy(BaseModel):
    host: str = "localhost"
    password: SecretStr | None = None


class Settings(BaseModel):
    key: SecretStr = Field(description="the key; variable ACME_KEY")
    region: str = Field(default="eu", max_length=5)
    max_lines: int = 10
    proxy: Proxy | None = None
    tariffs: dict[str, Tariff] = {}
    mirrors: list[Proxy] = []
    regions: list[str] = []


class Acme:
    name = "acme"
    aliases = ("acme-classic",)
    Settings = Settings

    def __init__(self, settings):
        self.settings = settings

    @classmethod
    def from_environment(cls, environ):
        names = {"key": "ACME_KEY", "region": "ACME_REGION"}
        found = {name: environ[variable] for name, variable in names.items() if variable in environ}
        return Settings(**found) if "key" in found else None

    @hookimpl
    async def retrieve_batch(self, call, batch):
        return Batch(id=batch.id, status="completed")
"""
"""It does not forbid what it does not know, as pydantic's models do not by default."""


@dataclass
class Desk:
    """A working folder with a ``batchyard.toml``, if one is written."""

    folder: Path

    def write(self, text: str, name: str = "batchyard.toml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def resolve(
        self,
        name: str | None = None,
        given: Any = None,
        *,
        account: Any = None,
        config: Any = None,
        **environ: str,
    ) -> Any:
        return resolve(Registry(environ), name, given, account=account, config=config)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """An empty folder, in which we are, and the provider acme beside those installed."""
    packages, folder = tmp_path / "site", tmp_path / "desk"
    packages.mkdir()
    folder.mkdir()
    monkeypatch.syspath_prepend(packages)
    monkeypatch.chdir(folder)
    site = Site(packages)
    site.add(
        "acme-pkg",
        {"providers": "acme = acme_nested:Acme\nacme-classic = acme_nested:Acme"},
        {"acme_nested": PROVIDER},
    )
    yield Desk(folder)
    for name in site.imported():
        del sys.modules[name]
