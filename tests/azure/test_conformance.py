"""The conformance suite, for each API, and for blobs in place of files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from batchyard.testing import ProviderSuite
from tests.azure.blob_scenarios import STORAGE, blob_scenarios
from tests.azure.scenarios import DATED, V1, scenarios
from tests.providers.goldens import openai_goldens

DEPLOYMENTS = {"gpt-4.1-mini": {"name": "mini-batch", "base_model": "gpt-4.1-mini"}}
SETTINGS: dict[str, Any] = {
    "api_key": "conformance-SECRET-0123456789",
    "base_url": "https://my-resource.openai.azure.com",
    "deployments": DEPLOYMENTS,
}
STATES = {
    "Validating": "validating",
    "InProgress": "in_progress",
    "Finalizing": "finalizing",
    "Completed": "completed",
    "Cancelling": "cancelling",
    "Cancelled": "cancelled",
}
GOLDENS = openai_goldens("gpt-4.1-mini", sent="mini-batch")


class TestV1(ProviderSuite):
    provider = "azure"
    settings = SETTINGS
    states = STATES
    goldens = GOLDENS
    scenarios = scenarios(V1)

    def settings_for(self, url: str) -> Mapping[str, Any]:
        return {"base_url": url}


class TestBlobs(ProviderSuite):
    """Without the drivers: ids are URLs, which are not those of a server of the suite's own."""

    provider = "azure"
    settings = {**SETTINGS, "storage": STORAGE}  # noqa: RUF012 - a ClassVar of the suite
    states = {one: one for one in STATES.values()}  # noqa: RUF012 - a ClassVar of the suite
    goldens = GOLDENS
    scenarios = blob_scenarios()


@pytest.mark.slow
class TestDated(ProviderSuite):
    """The same as often again; `make test` has the dated API's whole lives in the other files."""

    provider = "azure"
    settings = {**SETTINGS, "api_version": "2024-10-21"}  # noqa: RUF012 - a ClassVar of the suite
    states = STATES
    goldens = openai_goldens("gpt-4.1-mini", sent="mini-batch", url="/chat/completions")
    scenarios = scenarios(DATED)

    def settings_for(self, url: str) -> Mapping[str, Any]:
        return {"base_url": url}
