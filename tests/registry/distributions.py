"""Distributions that are installed by writing what an installer would write."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROVIDER = """
from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr

from batchyard.hookspecs import hookimpl
from batchyard.models import Batch


class Settings(BaseModel):
    key: SecretStr = Field(description="the key; variable ACME_KEY")
    region: str = Field(default="eu", max_length=2, description="variable ACME_REGION")


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
        return Settings(**found) if found else None

    @hookimpl
    async def retrieve_batch(self, call, batch):
        return Batch(id=batch.id, status="completed")
"""
"""A provider that is as it should be."""


@dataclass(frozen=True)
class Site:
    """A folder on the path of imports."""

    folder: Path

    def add(
        self,
        distribution: str,
        points: Mapping[str, str],
        modules: Mapping[str, str],
        version: str = "1.2",
    ) -> None:
        """Install *modules* (name: source) with *points* (group: ``name = module:object``)."""
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(source, encoding="utf-8")
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        sections = (f"[batchyard.{group}]\n{lines}\n" for group, lines in points.items())
        (info / "entry_points.txt").write_text("\n".join(sections), encoding="utf-8")

    def provider(self, source: str = PROVIDER) -> None:
        """Install ``acme`` from the distribution acme-pkg 1.2."""
        self.add("acme-pkg", {"providers": "acme = acme_module:Acme"}, {"acme_module": source})

    def imported(self) -> set[str]:
        """The modules of this folder that have been imported."""
        return {
            name
            for name, module in list(sys.modules.items())
            if (getattr(module, "__file__", None) or "").startswith(f"{self.folder}/")
        }
