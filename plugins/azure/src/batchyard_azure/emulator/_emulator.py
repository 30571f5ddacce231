"""Azure OpenAI's batch service, on a loopback port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Unpack

from starlette.routing import BaseRoute

from batchyard.emulators import EmulatorOptions, Quirk, Trial
from batchyard.emulators.openai_wire import Dialect, FileShelf, OpenAIWireEmulator
from batchyard_azure.emulator._blob_routes import BlobRoutes
from batchyard_azure.emulator._containers import Containers
from batchyard_azure.emulator._dialect import FAIL_FAST, AzureDialect, Resource
from batchyard_azure.emulator._orders import BlobOrders, Shelf
from batchyard_azure.emulator._quirks import AZURE_QUIRKS, UNPROCESSED_REFUSED, spread
from batchyard_azure.emulator._tokens import Tokens

__all__ = ["AzureEmulator", "AzureOptions"]

_DEFAULT_KEY = "emulator00000000000000000000000000"


class AzureOptions(EmulatorOptions, total=False):
    """What the constructor takes besides."""

    keys: Iterable[str]
    enqueued_token_limits: Mapping[str, int] | None


class AzureEmulator(OpenAIWireEmulator):
    """Answers as a resource of Azure OpenAI would, by the v1 API and by the dated ones.

    `deployments` are the models by the deployments' names; without them every model has a
    deployment of its own name, and one with `-batch` behind it. A `region` that fails fast
    refuses creates for which `enqueued_token_limits` leave no room; in others they fail later.
    `clients` are the secrets of applications by their ids and `assertions` what their federated
    tokens may be, for `token_url`; tokens last `token_seconds`. `containers` are of the storage
    account below `/blob`, to which `sas` is a signature. `most_files` are files without an expiry,
    and in all.
    """

    name: ClassVar[str] = "azure"
    dialect = AzureDialect
    trial: ClassVar[Trial] = Trial(
        model="gpt-4.1-mini",
        bad={"temperature": 9},
        create="POST /openai/v1/batches",
    )
    known_quirks: ClassVar[tuple[Quirk, ...]] = (
        *OpenAIWireEmulator.known_quirks,
        *AZURE_QUIRKS,
    )

    def __init__(  # noqa: PLR0913 - each is another part of a resource, and has a default
        self,
        *,
        deployments: Mapping[str, str] | None = None,
        region: str = "uksouth",
        clients: Mapping[str, str] | None = None,
        assertions: Iterable[str] = (),
        token_seconds: int = 3599,
        containers: Iterable[str] = ("batches",),
        sas: str | None = None,
        most_files: tuple[int, int] = (500, 10_000),
        **options: Unpack[AzureOptions],
    ) -> None:
        self._deployments = deployments
        self._region = region
        self._clients = dict(clients or {})
        self._assertions = frozenset(assertions)
        self._token_seconds = token_seconds
        self._container_names = frozenset(containers)
        self._sas = sas
        self._most_files = most_files
        options["quirks"] = (UNPROCESSED_REFUSED, *spread(options.get("quirks", ())))
        super().__init__(**options)

    def make_dialect(self) -> AzureDialect:
        self.tokens = Tokens(self.clock, self._clients, self._assertions, self._token_seconds)
        self._containers = Containers(self.store, self._container_names)
        self._orders = BlobOrders(self._containers, self.store)
        self._containers.result = self._orders.result(self.clock.now)
        return AzureDialect(
            Resource(
                keys=frozenset(self.keys),
                quirks=self.quirks,
                deployments=self._deployments,
                tokens=self.tokens,
                orders=self._orders,
                region=self._region,
                fails_fast=self._region in FAIL_FAST,
                most_files=self._most_files,
            )
        )

    def make_shelf(self, dialect: Dialect) -> FileShelf:
        self._orders.shelf = Shelf(self.store, dialect, self.time_scale, self._orders)
        return self._orders.shelf

    def more_routes(self) -> Sequence[BaseRoute]:
        blobs = BlobRoutes(self._containers, self.tokens, self.store, self.clock, self._sas)
        return [*self.tokens.routes(), *blobs.routes()]

    def environment(self, url: str) -> dict[str, str]:
        """Variables that point the `azure` account, and the official SDK, at `url`."""
        key = self.keys[0] if self.keys else _DEFAULT_KEY
        return {"AZURE_OPENAI_API_KEY": key, "AZURE_OPENAI_ENDPOINT": url}

    def identity_environment(self, url: str) -> dict[str, str]:
        """Variables of a managed identity of App Service, whose tokens come from here."""
        return {
            "IDENTITY_ENDPOINT": f"{url}/msi/token",
            "IDENTITY_HEADER": self.tokens.identity_header,
        }

    def container_url(self, url: str, name: str = "batches") -> str:
        """A container of the storage account."""
        return f"{url}/blob/{name}"
