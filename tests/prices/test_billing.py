from __future__ import annotations

import pytest

from batchyard.errors import ConfigError, PluginContractError
from batchyard.hookspecs import hookimpl
from batchyard.models import Billing
from batchyard.registry import Account, Registry

URL = "https://mine.openai.azure.com"


def azure_with(registry: Registry, deployments: dict[str, dict[str, str]]) -> Account:
    settings = {"api_key": "made-up", "base_url": URL, "deployments": deployments}
    return registry.account("azure", settings)


def test_by_default_a_model_is_billed_as_results_name_it(openai: Account) -> None:
    assert openai.billing("gpt-4.1-2025-04-14", "gpt-4.1") == Billing("gpt-4.1-2025-04-14")
    assert openai.billing(None, "gpt-4.1") == Billing("gpt-4.1")
    assert openai.billing(None) == Billing(None)


def test_on_azure_a_deployment_is_billed_as_its_base_model_and_by_its_type(
    azure: Account,
) -> None:
    assert azure.billing(None, "mini-batch") == Billing("gpt-4.1-mini", "global")
    assert azure.billing(None, "gpt-4.1-mini") == Billing("gpt-4.1-mini", "global")
    assert azure.billing("gpt-5-2025-08-07", "five-eu") == Billing("gpt-5-2025-08-07", "datazone")
    assert azure.billing("gpt-5-2025-08-07", None) == Billing("gpt-5-2025-08-07", "datazone")


def test_on_azure_the_configured_base_model_counts_before_what_results_say(
    registry: Registry,
) -> None:
    azure = azure_with(registry, {"mine": {"name": "mine", "base_model": "gpt-4.1"}})
    assert azure.billing("gpt-4o-2024-08-06", "mine") == Billing("gpt-4.1", "global")


def test_on_azure_what_is_not_configured_is_a_global_deployment(registry: Registry) -> None:
    azure = azure_with(registry, {})
    assert azure.billing("gpt-4.1-2025-04-14", "prod") == Billing("gpt-4.1-2025-04-14", "global")


def test_on_azure_a_type_that_could_be_either_is_not_guessed(registry: Registry) -> None:
    both = {
        "a": {"name": "a", "base_model": "gpt-4o", "type": "DataZoneBatch"},
        "b": {"name": "b", "base_model": "gpt-4o"},
    }
    with pytest.raises(ConfigError, match="global or of a data zone"):
        azure_with(registry, both).billing("gpt-4o-2024-08-06", None)
    same = {name: {**one, "type": "DataZoneBatch"} for name, one in both.items()}
    assert azure_with(registry, same).billing("gpt-4o-2024-08-06", None).region == "datazone"


def test_on_azure_lines_mean_the_deployment_that_they_are_rewritten_to(registry: Registry) -> None:
    crossed = {
        "gpt-4o": {"name": "zone", "base_model": "gpt-4o", "type": "DataZoneBatch"},
        "other": {"name": "gpt-4o", "base_model": "gpt-4.1"},
    }
    azure = azure_with(registry, crossed)
    assert azure.billing("gpt-4o-2024-08-06", "gpt-4o") == Billing("gpt-4o", "datazone")
    assert azure.billing(None, "zone") == Billing("gpt-4o", "datazone")
    assert azure.billing(None, "other") == Billing("gpt-4.1", "global")


@pytest.mark.parametrize("kind", ["DataZoneBatch", "GlobalBatch"])
def test_on_azure_an_unconfigured_deployment_beside_configured_ones_is_not_guessed(
    registry: Registry, kind: str
) -> None:
    ours = {"mini": {"name": "ours", "base_model": "gpt-4.1-mini", "type": kind}}
    azure = azure_with(registry, ours)
    # of the same model as ours, which says nothing of its type; and of another
    for model, requested in (("gpt-4.1-mini-2025-04-14", "theirs"), ("gpt-4o-2024-08-06", None)):
        with pytest.raises(ConfigError, match=r"global or of a data zone.*add it"):
            azure.billing(model, requested)
    assert azure.billing("gpt-4.1-mini-2025-04-14", None).model == "gpt-4.1-mini"


def test_on_vertex_the_region_is_that_of_the_jobs(vertex: Account) -> None:
    assert vertex.billing("gemini-2.5-flash", "x") == Billing("gemini-2.5-flash", "us-central1")


def test_on_vertex_a_models_own_name_is_vertexs(registry: Registry) -> None:
    settings = {
        "project": "p",
        "bucket": "my-bucket",
        "location": "global",
        "models": {"fast": "gemini-2.5-flash"},
    }
    vertex = registry.account("vertex", settings)
    assert vertex.billing(None, "fast") == Billing("gemini-2.5-flash", "global")
    assert vertex.billing(None, "other") == Billing("other", "global")


def test_a_provider_that_says_something_else_breaks_the_contract() -> None:
    class Odd:
        @hookimpl
        def billing(self, model: str | None) -> str | None:
            return model

    with pytest.raises(PluginContractError, match="must return a Billing"):
        Account("odd", "odd", Odd()).billing("m")
