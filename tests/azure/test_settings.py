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
    "given",
    [
        ENDPOINT,
        f"{ENDPOINT}/",
        f" {ENDPOINT}/openai/ ",
        f"{V1}/",
        "my-resource.openai.azure.com",
        f"{ENDPOINT}/openai?api-version=2024-10-21",
        f"{ENDPOINT}/openai/deployments/mini/chat/completions?api-version=2025-01-01-preview",
        f"{ENDPOINT}/openai/v1/chat/completions",
        f"{ENDPOINT}/openai/responses?api-version=2025-04-01-preview",
    ],
)
def test_a_resource_is_known_by_any_url_of_it_that_people_paste(given: str) -> None:
    assert settings(base_url=given).base_url == V1
    assert settings(base_url=given, api_version="2024-10-21").base_url == f"{ENDPOINT}/openai"


@pytest.mark.parametrize(
    ("given", "v1", "dated"),
    [
        ("https://gateway.example/azure/v1", None, None),
        ("https://gateway.example/team/openai/v1", None, "https://gateway.example/team/openai"),
        (
            "http://127.0.0.1:8000",
            "http://127.0.0.1:8000/openai/v1",
            "http://127.0.0.1:8000/openai",
        ),
        (
            "https://r.services.ai.azure.com/api/projects/mine",
            "https://r.services.ai.azure.com/openai/v1",
            "https://r.services.ai.azure.com/openai",
        ),
    ],
)
def test_the_path_of_a_gateway_is_used_as_it_is_but_for_that_of_the_other_api(
    given: str, v1: str | None, dated: str | None
) -> None:
    assert settings(base_url=given).base_url == (v1 or given)
    assert settings(base_url=given, api_version="2024-10-21").base_url == (dated or given)


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("my-resource", "begins with https://"),
        ("ftp://my-resource.openai.azure.com", "begins with https://"),
        ("http://my-resource.openai.azure.com", "reached by https://"),
        ("https://me:" + "word@my-resource.openai.azure.com", "may not hold credentials"),
        (f"{ENDPOINT}/#keys", "fragment"),
        (f"{ENDPOINT}/elsewhere", "no path of a resource"),
        ("https://gateway.example/openai?api-version=2024-10-21", "URL of one call"),
        ("https://gateway.example/openai/deployments/mini/chat/completions", "URL of one call"),
        ("https://swedencentral.api.cognitive.microsoft.com/", "custom subdomain"),
        ("https://portal.azure.com/#home", "fragment"),
        ("https://ai.azure.com/resource", "web page"),
        ("https://api.openai.com/v1", "use the provider openai"),
    ],
)
def test_what_is_no_resource_is_refused_with_a_hint(given: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint) as caught:
        settings(base_url=given)
    assert caught.value.param == "base_url"


@pytest.mark.parametrize(
    ("host", "authority", "scope"),
    [
        ("openai.azure.com", "login.microsoftonline.com", "https://ai.azure.com/.default"),
        (
            "openai.azure.us",
            "login.microsoftonline.us",
            "https://cognitiveservices.azure.us/.default",
        ),
        (
            "openai.azure.cn",
            "login.chinacloudapi.cn",
            "https://cognitiveservices.azure.cn/.default",
        ),
    ],
)
def test_tokens_come_from_the_cloud_of_the_host_and_are_for_it(
    host: str, authority: str, scope: str
) -> None:
    made = settings(base_url=f"https://r.{host}")
    assert made.base_url == f"https://r.{host}/openai/v1"
    assert (made.token_authority, made.token_scope) == (f"https://{authority}", scope)
    own = settings(base_url=f"https://r.{host}", authority="login.example/", scope="s/.default")
    assert (own.token_authority, own.token_scope) == ("https://login.example", "s/.default")


def test_tokens_for_the_dated_api_are_for_cognitive_services() -> None:
    made = settings(api_version="2024-10-21")
    assert made.token_scope == "https://cognitiveservices.azure.com/.default"


@pytest.mark.parametrize("version", [None, "", "v1", "preview", "2024-10-21", "2025-04-01-preview"])
def test_a_version_of_either_api_may_be_asked_for(version: str | None) -> None:
    made = settings(api_version=version)
    assert made.query == ({"api-version": version} if version else {})
    assert made.dated == (version or "").startswith("20")


@pytest.mark.parametrize("version", ["latest", "2024-10", 7, ["v1"], "2024-10-21?x=1"])
def test_what_is_no_version_is_refused_and_the_error_says_what_to_do(version: object) -> None:
    with pytest.raises(ConfigError, match=r"api_version: .*(is a date|string)"):
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
    ("given", "hint"),
    [
        ({"api_key": None}, "one credential, and here there is none"),
        ({"ad_token": "eyJ.x"}, "here there is api_key and ad_token"),
        ({"api_key": None, "client_secret": "s"}, "needs tenant_id and client_id"),
        ({"api_key": None, "federated_token_file": "f", "client_id": "c"}, "needs tenant_id"),
        ({"identity": "cli"}, "api_key and identity"),
        ({"storage": {"container": "https://a.blob.core.windows.net/c"}}, "needs a sas"),
    ],
)
def test_an_account_has_exactly_one_credential(given: dict[str, Any], hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        settings(**given)


@pytest.mark.parametrize("authority", ["http://login.example", "ftp://login.example", "https://"])
def test_a_secret_goes_to_no_authority_in_the_clear(authority: str) -> None:
    with pytest.raises(ConfigError, match="authority"):
        settings(authority=authority)


@pytest.mark.parametrize(
    ("container", "hint"),
    [
        ("https://a.blob.core.windows.net", "container's URL"),
        ("https://a.blob.core.windows.net/c/folder", "container alone"),
        ("http://a.blob.core.windows.net/c", "by https"),
        ("https://a.blob.core.windows.net/c?sig=x", "shared access signature"),
        ("a.blob.core.windows.net/c", "container's URL"),
    ],
)
def test_what_is_no_container_is_refused_with_a_hint(container: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        settings(storage={"container": container, "sas": "sig=x"})


def test_blobs_need_an_api_that_has_them() -> None:
    storage = {"container": "https://a.blob.core.windows.net/c", "sas": "sig=x"}
    for version in (None, "v1", "2025-04-01-preview"):
        assert settings(storage=storage, api_version=version).storage is not None
    with pytest.raises(ConfigError, match="storage needs the v1 API"):
        settings(storage=storage, api_version="2024-10-21")


@pytest.mark.parametrize("prefix", ["a%20b", "a?b", "a#b", "a\\b", "../a", "a/./b"])
def test_a_prefix_that_a_url_would_not_give_back_is_refused(prefix: str) -> None:
    container = "https://a.blob.core.windows.net/c"
    with pytest.raises(ConfigError, match="prefix"):
        settings(storage={"container": container, "sas": "sig=x", "prefix": prefix})


PLACE = {"AZURE_OPENAI_ENDPOINT": ENDPOINT}
APPLICATION = {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c"}


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        (PLACE, None),
        ({"AZURE_OPENAI_API_KEY": KEY}, None),
        ({**PLACE, "AZURE_OPENAI_API_KEY": KEY}, {"api_key": KEY}),
        ({"AZURE_API_BASE": ENDPOINT, "AZURE_API_KEY": KEY}, {"api_key": KEY}),
        ({**PLACE, "AZURE_API_KEY": "x", "AZURE_OPENAI_API_KEY": KEY}, {"api_key": KEY}),
        ({**PLACE, "AZURE_OPENAI_AD_TOKEN": KEY, "AZURE_OPENAI_API_KEY": "x"}, {"ad_token": KEY}),
        ({**PLACE, "AZURE_AD_TOKEN": "x", "AZURE_OPENAI_API_KEY": KEY}, {"api_key": KEY}),
        ({**PLACE, "AZURE_AD_TOKEN": KEY, "AZURE_API_KEY": "x"}, {"ad_token": KEY}),
        ({**PLACE, **APPLICATION, "AZURE_CLIENT_SECRET": KEY}, {"client_secret": KEY}),
        ({**PLACE, **APPLICATION, "AZURE_FEDERATED_TOKEN_FILE": "/f"}, {}),
        ({**PLACE, "AZURE_CLIENT_SECRET": KEY}, None),
        (
            {**PLACE, **APPLICATION, "AZURE_CLIENT_SECRET": "x", "AZURE_API_KEY": KEY},
            {"api_key": KEY},
        ),
    ],
)
def test_the_environment_has_one_credential_the_official_sdks_before_litellms(
    environ: dict[str, str], found: dict[str, str] | None
) -> None:
    made = Azure.from_environment(environ)
    if made is None:
        assert found is None
        return
    secrets = {
        name: value.get_secret_value()
        for name in ("api_key", "ad_token", "client_secret")
        if (value := getattr(made, name)) is not None
    }
    assert (made.base_url, secrets) == (V1, found)


def test_the_version_of_the_environment_is_the_official_sdks_before_litellms() -> None:
    environ = {**PLACE, "AZURE_API_KEY": KEY, "AZURE_API_VERSION": "2024-10-21"}
    made = Azure.from_environment(environ)
    assert made is not None
    assert (made.api_version, made.base_url) == ("2024-10-21", f"{ENDPOINT}/openai")
    other = Azure.from_environment({**environ, "OPENAI_API_VERSION": "2025-04-01-preview"})
    assert other is not None
    assert other.api_version == "2025-04-01-preview"


@pytest.mark.parametrize(
    "given", [{"ad_token": "eyJ.given"}, {"identity": "cli"}, {"api_key": "given"}]
)
def test_a_credential_that_is_given_stands_above_another_of_the_environment(
    given: dict[str, str],
) -> None:
    environ = {**PLACE, "AZURE_OPENAI_API_KEY": KEY}
    made = Registry(environ).settings("azure", given)[1]
    assert isinstance(made, Settings)
    assert (made.api_key is None) == ("api_key" not in given)
    assert KEY not in str(made.model_dump())


def test_the_limits_are_those_of_azure_and_can_be_set() -> None:
    limits = Registry({}).account("azure", settings()).limits()
    assert (limits.max_lines, limits.max_bytes) == (100_000, 200_000_000)
    assert limits.endpoints == ("/v1/chat/completions", "/v1/responses", "/chat/completions")
    more = Registry({}).account(
        "azure",
        settings(storage={"container": "https://a.blob.core.windows.net/c", "sas": "sig=x"}),
    )
    assert more.limits().max_bytes == 1_000_000_000
    fewer = Registry({}).account("azure", settings(max_lines=50_000)).limits()
    assert fewer.max_lines == 50_000
