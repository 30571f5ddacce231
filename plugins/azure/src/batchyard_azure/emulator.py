"""Azure OpenAI's batch service, on a loopback port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Unpack

from batchyard.emulators import EmulatorOptions, Quirk
from batchyard.emulators.openai_wire import OpenAIWireEmulator
from batchyard_azure._dialect import AzureDialect
from batchyard_azure._quirks import AZURE_QUIRKS, UNPROCESSED_REFUSED

__all__ = ["AZURE_QUIRKS", "AzureEmulator", "AzureOptions"]

_DEFAULT_KEY = "emulator00000000000000000000000000"


class AzureOptions(EmulatorOptions, total=False):
    """What the constructor takes besides."""

    keys: Iterable[str]
    enqueued_token_limits: Mapping[str, int] | None


class AzureEmulator(OpenAIWireEmulator):
    """Answers as the v1 API of a resource of Azure OpenAI would.

    `deployments` are the models by the deployments' names; without them every model has a
    deployment of its own name, and one with `-batch` behind it.
    """

    name: ClassVar[str] = "azure"
    dialect = AzureDialect
    known_quirks: ClassVar[tuple[Quirk, ...]] = (
        *OpenAIWireEmulator.known_quirks,
        *AZURE_QUIRKS,
    )

    def __init__(
        self, *, deployments: Mapping[str, str] | None = None, **options: Unpack[AzureOptions]
    ) -> None:
        self._deployments = deployments
        options["quirks"] = (UNPROCESSED_REFUSED, *options.get("quirks", ()))
        super().__init__(**options)

    def make_dialect(self) -> AzureDialect:
        return AzureDialect(frozenset(self.keys), self.quirks, self._deployments)

    def environment(self, url: str) -> dict[str, str]:
        """Variables that point the `azure` account, and the official SDK, at `url`."""
        key = self.keys[0] if self.keys else _DEFAULT_KEY
        return {"AZURE_OPENAI_API_KEY": key, "AZURE_OPENAI_ENDPOINT": url}
