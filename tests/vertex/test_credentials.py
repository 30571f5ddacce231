"""Tokens of every kind of credential, over the driver."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest

from batchyard.effects import Expiring, Reply, Request
from batchyard.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConfigError,
    MalformedReplyError,
)
from batchyard.testing import Exchange, Injection, replay
from batchyard_vertex import Settings
from batchyard_vertex.auth import Access, Credentials
from batchyard_vertex.emulator._key_files import key_file
from batchyard_vertex.emulator._tokens import Tokens

KEY = key_file("https://tokens.example", "the-project")
GOOD = Reply(200, {}, b'{"access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer"}')


def settings(**given: Any) -> Settings:
    return Settings(**{"bucket": "bucket", "project": "p", **given})


def made(exchanges: list[Exchange], **given: Any) -> Expiring[Access]:
    token: Expiring[Access] = replay(Credentials(settings(**given))._make(), exchanges)
    return token


def is_assertion(body: bytes) -> bool:
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return bool(Tokens().issue(form, 0.0)["access_token"])


def test_a_service_account_signs_and_asks_at_its_own_address() -> None:
    asked = Exchange("POST https://tokens.example/token$", GOOD, is_assertion)
    token = made([asked], credentials=KEY)
    assert token.value.token == "ya29.x"
    assert 3300 < token.lifetime < 3400


def test_a_key_is_read_from_its_path_and_may_ask_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(KEY)
    asked = Exchange("POST http://127.0.0.1:9/token$", GOOD)
    made([asked], credentials=str(path), token_url="http://127.0.0.1:9/token")


def test_a_self_signed_token_takes_no_request() -> None:
    token = made([], credentials=KEY, self_signed_jwt=True)
    Tokens().check(f"Bearer {token.value.token}", 0.0)


def test_federation_and_impersonation_take_as_many_requests_as_they_need(tmp_path: Path) -> None:
    subject = tmp_path / "subject"
    subject.write_text("subject-token")
    info = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/a",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(subject)},
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-"
        "/serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken",
    }
    later = b'{"accessToken": "ya29.imp", "expireTime": "2099-01-01T00:00:00Z"}'
    token = made(
        [
            Exchange(
                "POST https://sts.googleapis.com/v1/token$", GOOD, lambda b: b"subject-token" in b
            ),
            Exchange("POST https://iamcredentials.*:generateAccessToken$", Reply(200, {}, later)),
        ],
        credentials=info,
    )
    assert token.value.token == "ya29.imp"


def test_a_token_request_is_tried_again_and_its_refusal_told() -> None:
    asked = "POST https://tokens.example/token$"
    down = Exchange(asked, Reply(503, {}, b""))
    made([down, down, Exchange(asked, GOOD)], credentials=KEY)
    refusal = b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
    with pytest.raises(BadRequestError, match="Invalid JWT Signature") as caught:
        made([Exchange(asked, Reply(400, {}, refusal))], credentials=KEY)
    assert caught.value.code == "invalid_grant"
    with pytest.raises(AuthenticationError):
        made([Exchange(asked, Reply(401, {}, b""))], credentials=KEY)


USER = {
    "type": "authorized_user",
    "client_id": "the-client.apps.example",
    "client_secret": 'SECRET-"c&<lient>',
    "refresh_token": "SECRET-1//re+fresh/token",
}


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    "echo",
    [
        pytest.param(lambda body: body, id="as-sent"),
        pytest.param(lambda body: str(parse_qs(body.decode())).encode(), id="decoded"),
        pytest.param(lambda body: html.escape(unquote_plus(body.decode())).encode(), id="html"),
        pytest.param(lambda body: json.dumps(parse_qs(body.decode())).encode(), id="json"),
        pytest.param(
            lambda body: json.dumps(
                {"error": unquote_plus(body.decode()), "error_description": body.decode()}
            ).encode(),
            id="oauth",
        ),
        pytest.param(
            lambda body: json.dumps({"error": {"message": unquote_plus(body.decode())}}).encode(),
            id="google",
        ),
    ],
)
def test_an_endpoint_that_echoes_its_form_puts_no_secret_into_an_error(
    echo: Callable[[bytes], bytes], status: int
) -> None:
    secret = json.dumps(USER)
    asked = Credentials(settings(credentials=secret))._attempt(secret, ())
    assert isinstance(asked, Request)
    assert isinstance(asked.body, bytes)
    said = echo(asked.body)
    with pytest.raises(APIStatusError) as caught:
        made([Exchange("POST", Reply(status, {}, said))], credentials=secret)
    shown = f"{caught.value} {caught.value.code} {caught.value!r}"
    assert "***" in shown
    assert "refresh_token" in shown
    for part in ("SECRET", "the-client"):
        assert part not in shown


def test_a_refusal_keeps_all_that_is_no_secret() -> None:
    secret = json.dumps(USER)
    text = '{"error": "invalid_scope", "error_description": "refresh_token: no such scope"}'
    with pytest.raises(BadRequestError, match="refresh_token: no such scope") as caught:
        made([Exchange("POST", Reply(400, {}, text.encode()))], credentials=secret)
    assert caught.value.code == "invalid_scope"


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"<html>", b'{"access_token": 7}', b'{"access_token": "a\\nb"}']
)
def test_a_reply_without_a_token_is_no_token(body: bytes) -> None:
    with pytest.raises(MalformedReplyError):
        made([Exchange("POST", Reply(200, {}, body))], credentials=KEY)


@pytest.mark.parametrize(
    "credentials",
    [
        "/nowhere/key.json",
        "{not json",
        '{"type": "unheard-of"}',
        json.dumps({**json.loads(KEY), "private_key": "SECRET-not-a-key"}),
        json.dumps({k: v for k, v in json.loads(KEY).items() if k != "client_email"}),
    ],
)
def test_unusable_credentials_are_a_setting_that_is_wrong(credentials: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made([], credentials=credentials)
    assert caught.value.param == "credentials"
    assert "SECRET" not in f"{caught.value} {caught.value.__cause__}"


def test_without_credentials_those_of_the_machine_are_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = tmp_path / "adc.json"
    key.write_text(KEY)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    assert made([Exchange("POST https://tokens.example/token$", GOOD)]).value.token == "ya29.x"


def test_a_machine_of_googles_is_asked_for_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(ConfigError, match="there are none"):
        replay(
            Credentials(settings())._make(),
            [Exchange("GET http://metadata", GOOD)],
            injection=Injection("refused"),
        )
    token = made([Exchange("GET http://metadata.*/default/token", GOOD)])
    assert token.value.token == "ya29.x"


def test_a_lost_connection_to_the_token_endpoint_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise APIConnectionError("no network")

    monkeypatch.setattr("batchyard_vertex.auth._credentials.call", refuse)
    with pytest.raises(APIConnectionError, match="no network"):
        made([], credentials=KEY)


def test_settings_come_from_litellms_variables_and_googles() -> None:
    found = Settings.from_environment(
        {
            "VERTEXAI_PROJECT": "p1",
            "GOOGLE_CLOUD_PROJECT": "p2",
            "GOOGLE_CLOUD_LOCATION": "eu",
            "GCS_BUCKET_NAME": "gs://bucket/deep/folder/",
            "STORAGE_EMULATOR_HOST": "localhost:9",
        }
    )
    assert found is not None
    assert (found.project, found.location, found.bucket) == ("p1", "eu", "bucket")
    assert (found.prefix, found.storage_base_url) == ("deep/folder", "http://localhost:9")
    assert Settings.from_environment({"GOOGLE_CLOUD_PROJECT": "p"}) is None
    named = Settings.from_environment({"VERTEXAI_CREDENTIALS": KEY, "GCS_BUCKET_NAME": "bucket"})
    assert named is not None
    assert named.project == "the-project"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("us-central1", "https://us-central1-aiplatform.googleapis.com"),
        ("global", "https://aiplatform.googleapis.com"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com"),
    ],
)
def test_every_location_has_a_host(location: str, host: str) -> None:
    assert settings(location=location).host(location) == host


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": "Not A Bucket"},
        {"location": "evil.example/"},
        {"prefix": "a/../b"},
        {"base_url": "ftp://x"},
        {"base_url": "https://name@x"},
        {"chunk_bytes": 1000},
        {"project": ""},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        settings(**wrong)
