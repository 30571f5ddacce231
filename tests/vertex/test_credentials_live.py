"""Every kind of credential, against the endpoints that its tokens come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import BadRequestError, ConfigError
from batchyard_vertex import Settings
from batchyard_vertex.auth import identity_of
from batchyard_vertex.emulator._key_files import EMAIL
from tests.vertex.conftest import Service
from tests.vertex.shared import as_new, running

KINDS = {
    "service_account": ["POST /token"],
    "authorized_user": ["POST /token"],
    "external_account": [
        "GET /subject-token",
        "POST /v1/token",
        f"POST /v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken",
    ],
    "impersonated_service_account": [
        "POST /token",
        f"POST /v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken",
    ],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def service(server: Service) -> Service:
    return as_new(server)


async def listed(client: Any) -> int:
    return len(client.batches.list().page().data)


def asked(service: Service) -> list[str]:
    found = [f"{one.method} {one.path}" for one in service.emulator.requests]
    return [one for one in found if "batchPredictionJobs" not in one]


def options(service: Service, kind: str) -> dict[str, Any]:
    file = service.emulator.credentials(service.url)[kind]
    # of a user's, google-auth knows no other endpoint than Google's
    elsewhere = {"token_url": f"{service.url}/token"} if kind == "authorized_user" else {}
    return {"credentials": file, "project": "batchyard-emulator", **elsewhere}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_credential_gets_a_token_that_is_good(service: Service, kind: str) -> None:
    assert service.run(listed, **options(service, kind)) == 0
    assert asked(service) == KINDS[kind]


@pytest.mark.parametrize("text", [False, True])
def test_a_lifetime_may_be_a_text(service: Service, *, text: bool) -> None:
    if text:
        as_new(service, "expires-as-text")

    async def twice(client: Any) -> None:
        await listed(client)
        service.clock.advance(3000)
        await listed(client)

    service.run(twice)
    assert len(asked(service)) == 1


def test_a_users_quota_project_pays_unless_the_account_names_another(service: Service) -> None:
    service.run(listed, **options(service, "authorized_user"))
    service.run(listed, quota_project="another", **options(service, "authorized_user"))
    service.run(listed)
    found = service.emulator.requests.matching("GET", "/v1/**/batchPredictionJobs")
    payers = [one.headers.get("x-goog-user-project") for one in found]
    assert payers == ["batchyard-emulator", "another", None]


def test_a_machine_has_a_service_account_of_its_own(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("GCE_METADATA_HOST", service.url.removeprefix("http://"))
    assert service.run(listed, credentials=None) == 0
    assert asked(service) == ["GET /computeMetadata/v1/instance/service-accounts/default/token"]
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(ConfigError, match="there are none"):
        service.run(listed, credentials=None)


def test_gclouds_own_file_is_found_where_nothing_is_named(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    file = service.emulator.credentials(service.url)["service_account"]
    (tmp_path / "application_default_credentials.json").write_text(file)
    assert service.run(listed, credentials=None) == 0
    assert asked(service) == ["POST /token"]


def test_a_refresh_token_that_was_revoked_is_said(service: Service) -> None:
    given = options(service, "authorized_user")
    given["credentials"] = given["credentials"].replace("1//emulator", "1//revoked")
    with pytest.raises(BadRequestError, match="expired or revoked") as caught:
        service.run(listed, **given)
    assert caught.value.code == "invalid_grant"
    assert "1//revoked" not in str(caught.value)


def test_credentials_of_another_universe_are_not_shown_to_this_one(service: Service) -> None:
    given = options(service, "service_account")
    other = given["credentials"][:-1] + ', "universe_domain": "cloud.example"}'
    with pytest.raises(ConfigError, match=r"cloud\.example") as caught:
        service.run(listed, **{**given, "credentials": other})
    assert caught.value.param == "universe_domain"
    assert asked(service) == []


def test_a_universe_has_hosts_of_its_own() -> None:
    settings = Settings(
        project="p", bucket="bucket", location="eu", universe_domain="cloud.example"
    )
    assert settings.host("us-central1") == "https://us-central1-aiplatform.cloud.example"
    assert settings.host("eu") == "https://aiplatform.eu.rep.cloud.example"
    assert settings.storage == "https://storage.cloud.example"
    with pytest.raises(ValueError, match="googleapis"):
        Settings(project="p", bucket="bucket", universe_domain="evil.example/")


def test_who_the_credentials_are_is_told_by_their_name(service: Service, tmp_path: Path) -> None:
    names = {}
    for kind, file in service.emulator.credentials(service.url).items():
        path = tmp_path / kind
        path.write_text(file)
        settings = Settings(project="p", bucket="bucket", credentials=str(path))  # type: ignore[arg-type]
        names[kind] = identity_of(settings)
    assert names == {
        "service_account": EMAIL,
        "authorized_user": "the user of these credentials",
        "external_account": EMAIL,
        "impersonated_service_account": EMAIL,
    }


def test_the_project_is_the_keys_whether_given_by_content_or_by_path(
    service: Service, tmp_path: Path
) -> None:
    file = service.emulator.credentials(service.url)["service_account"]
    path = tmp_path / "key.json"
    path.write_text(file)
    for given in (file, str(path)):
        found = Settings.from_environment(
            {"VERTEXAI_CREDENTIALS": given, "GCS_BUCKET_NAME": "bucket"}
        )
        assert found is not None
        assert found.project == "batchyard-emulator"
    assert (
        Settings.from_environment({"VERTEXAI_CREDENTIALS": "/no", "GCS_BUCKET_NAME": "b"}) is None
    )
