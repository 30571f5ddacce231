from __future__ import annotations

from typing import Any

import pytest

from batchyard.errors import ConfigError
from batchyard.registry import Registry
from batchyard_azure import Azure, Deployment, Settings

ENDPOINT = "https://my-resource.openai.azure.com"
V1 = f"{ENDPOINT}/openai/v1"
KEY = "azure-test-SECRET-0123456789"


def settings(**given: Any) -> Settings:
    made = Registry({}).settings("azure", {"api_key": KEY, "base_url": ENDPOINT, **given})[1]
    assert isinstance(made, Settings)
    return made


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (ENDPOINT, V1),
        (f"{ENDPOINT}/", V1),
        (f" {ENDPOINT}/openai/ ", V1),
        (f"{V1}/", V1),
        ("https://my-resource.services.ai.azure.com", None),
        ("https://gateway.example/azure/v1", "https://gateway.example/azure/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/openai/v1"),
    ],
)
def test_a_resource_is_reached_by_its_v1_api_and_other_urls_are_used_as_they_are(
    given: str, used: str | None
) -> None:
    assert settings(base_url=given).base_url == (used or f"{given}/openai/v1")


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("my-resource.openai.azure.com", "begins with https://"),
        ("ftp://my-resource.openai.azure.com", "begins with https://"),
        ("https://me:" + "word@my-resource.openai.azure.com", "may not hold credentials"),
        (f"{ENDPOINT}/openai?api-version=2024-10-21", "URL of one call"),
        (f"{ENDPOINT}/openai/deployments/mini/chat/completions", "URL of one call"),
    ],
)
def test_what_is_no_resource_is_refused_with_a_hint(given: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint) as caught:
        settings(base_url=given)
    assert caught.value.param == "base_url"


@pytest.mark.parametrize("version", [None, "", "v1", "preview"])
def test_a_version_of_the_v1_api_may_be_asked_for(version: str | None) -> None:
    query = settings(api_version=version).query
    assert query == ({"api-version": version} if version else {})


@pytest.mark.parametrize("version", ["2024-10-21", "2025-04-01-preview", 7, ["v1"]])
def test_a_dated_version_is_refused_and_the_error_says_what_to_do(version: object) -> None:
    with pytest.raises(ConfigError, match=r"api_version: .*only the v1 API .* leave api_version"):
        settings(api_version=version)


def test_deployments_are_named_by_the_models_they_stand_for() -> None:
    deployments = {"gpt-4o": {"name": "ours", "base_model": "gpt-4o", "type": "DataZoneBatch"}}
    made = settings(deployments=deployments)
    assert made.names == {"gpt-4o": "ours"}
    assert made.deployments["gpt-4o"] == Deployment(
        name="ours", base_model="gpt-4o", type="DataZoneBatch"
    )
    assert settings(deployments={"m": {"name": "n"}}).deployments["m"].type == "GlobalBatch"


@pytest.mark.parametrize(
    "deployment", [{}, {"name": ""}, {"name": "n", "type": "Standard"}, {"name": "n", "sku": "x"}]
)
def test_a_deployment_that_is_none_is_refused(deployment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"deployments\.m"):
        settings(deployments={"m": deployment})


@pytest.mark.parametrize("key", ["", "   ", "kéy", "k\ny"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="api_key"):
        settings(api_key=key)


def test_settings_that_are_not_known_are_refused_and_secrets_are_not_shown() -> None:
    with pytest.raises(ConfigError, match="region"):
        settings(region="eu")
    assert KEY not in repr(settings())


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"AZURE_OPENAI_ENDPOINT": ENDPOINT}, None),
        ({"AZURE_OPENAI_API_KEY": KEY}, None),
        ({"AZURE_OPENAI_ENDPOINT": ENDPOINT, "AZURE_OPENAI_API_KEY": KEY}, V1),
        ({"AZURE_API_BASE": ENDPOINT, "AZURE_API_KEY": KEY}, V1),
        ({"AZURE_API_BASE": ENDPOINT, "AZURE_OPENAI_API_KEY": KEY}, V1),
        (
            {
                "AZURE_API_BASE": "https://other.openai.azure.com",
                "AZURE_OPENAI_ENDPOINT": ENDPOINT,
                "AZURE_API_KEY": "of-litellm",
                "AZURE_OPENAI_API_KEY": KEY,
                "AZURE_API_VERSION": "2024-10-21",
            },
            V1,
        ),
    ],
)
def test_the_official_variables_win_over_litellms_and_versions_are_not_read(
    environ: dict[str, str], found: str | None
) -> None:
    made = Azure.from_environment(environ)
    if made is None:
        assert found is None
        return
    assert (made.base_url, made.api_key.get_secret_value(), made.api_version) == (found, KEY, None)


def test_the_limits_are_those_of_azure_and_can_be_set() -> None:
    limits = Registry({}).account("azure", settings()).limits()
    assert (limits.max_lines, limits.max_bytes) == (100_000, 200_000_000)
    assert limits.endpoints == ("/v1/chat/completions", "/v1/responses", "/chat/completions")
    fewer = Registry({}).account("azure", settings(max_lines=50_000)).limits()
    assert fewer.max_lines == 50_000
