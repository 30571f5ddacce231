"""A distribution with sinks, with and without a model for their settings, and a gate."""

from __future__ import annotations

__all__ = ["PLUGINS", "POINTS"]

POINTS = {
    "sinks": "hook = extras:Hook\nplain = extras:Plain\nlined = extras:Lined",
    "gates": "size = extras:Gate",
}

PLUGINS = """
from __future__ import annotations

from pydantic import BaseModel, SecretStr

from batchyard.hookspecs import Verdict, hookimpl


class Settings(BaseModel):
    token: SecretStr
    retries: int = 3
    # a key of every sink that this one wants to know, too
    events: tuple[str, ...] = ()


class Hook:
    Settings = Settings

    def __init__(self, settings):
        self.settings = settings

    @hookimpl
    async def deliver(self, event):
        pass


class Plain:
    def __init__(self, path, mode="a"):
        self.path = path

    @hookimpl
    async def deliver(self, event):
        pass


class Lined:
    @hookimpl
    async def deliver_lines(self, event, lines):
        pass


class Gate:
    def __init__(self, limit=1):
        self.limit = limit

    @hookimpl
    def check_batch(self, batch):
        return Verdict.keep()
"""
