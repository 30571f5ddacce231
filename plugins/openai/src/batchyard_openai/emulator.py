"""OpenAI's batch service, on a loopback port."""

from __future__ import annotations

from typing import ClassVar

from batchyard.emulators import Trial
from batchyard.emulators.openai_wire import OpenAIWireEmulator

__all__ = ["OpenAIEmulator"]

_DEFAULT_KEY = "sk-emulator-0000000000000000"


class OpenAIEmulator(OpenAIWireEmulator):
    """Answers as api.openai.com would."""

    name: ClassVar[str] = "openai"
    trial: ClassVar[Trial] = Trial(
        model="gpt-4.1-mini",
        bad={"temperature": 9},
        create="POST /v1/batches",
        expiry={"finished_before_expiry": 1},
    )

    def environment(self, url: str) -> dict[str, str]:
        """Variables that point the `openai` account, and the official SDK, at `url`."""
        key = self.keys[0] if self.keys else _DEFAULT_KEY
        return {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{url}/v1"}
