"""The rest of an emulated resource: the dated API, quotas, regions, tokens, blobs."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.azure.test_emulator import LONG_ENOUGH, PROCESSING, Rig, rigged
from tests.client.requests import chat_lines
from tests.emulators.parts import TLS

KEY = "azure-test-0123456789"
DATED = {"api-version": "2024-10-21"}
PREVIEW = {"api-version": "2025-04-01-preview"}
CHAT = "/chat/completions"
LINES = chat_lines(2).replace(b"/v1/chat", b"/chat")


def dated(rig: Rig, version: dict[str, str], **headers: str) -> httpx.Client:
    return httpx.Client(
        base_url=f"{rig.url}/openai",
        params=version,
        headers=headers or {"api-key": KEY},
        verify=TLS,
    )


def upload(http: httpx.Client, **fields: str) -> httpx.Response:
    return http.post(
        "/files", data={"purpose": "batch", **fields}, files={"file": ("in.jsonl", LINES)}
    )


def order(**fields: Any) -> dict[str, Any]:
    return {"endpoint": CHAT, "completion_window": "24h", **fields}


def test_both_apis_show_one_resource() -> None:
    with rigged() as rig, dated(rig, PREVIEW) as http:
        file = upload(http).json()
        assert rig.http.get(f"/files/{file['id']}").json()["id"] == file["id"]
        rig.clock.advance(PROCESSING)
        made = http.post("/batches", json=order(input_file_id=file["id"]))
        assert made.status_code == 201
        for name in ("deployment-enqueued-tokens", "deployment-maximum-enqueued-tokens"):
            assert int(made.headers[name]) > 0
        rig.clock.advance(LONG_ENOUGH)
        assert rig.http.get(f"/batches/{made.json()['id']}").json()["status"] == "completed"


def test_the_dated_api_takes_tokens_and_no_key_for_one_and_never_both() -> None:
    with rigged() as rig:
        cases = {
            "eyJ.made.up": 401,
            KEY: 401,
            rig.emulator.tokens.issue("https://storage.azure.com"): 401,
            rig.emulator.tokens.issue("https://cognitiveservices.azure.com"): 200,
        }
        for token, status in cases.items():
            with dated(rig, DATED, authorization=f"Bearer {token}") as http:
                assert http.get("/files").status_code == status
                both = http.get("/files", headers={"api-key": KEY})
                assert both.status_code == 400


def test_tokens_end() -> None:
    with rigged(token_seconds=60) as rig:
        token = rig.emulator.tokens.issue("https://ai.azure.com")
        with dated(rig, DATED, authorization=f"Bearer {token}") as http:
            assert http.get("/files").status_code == 200
            rig.clock.advance(61)
            assert http.get("/files").status_code == 401


def test_the_first_version_pages_no_files_and_takes_no_notice_of_an_expiry_or_blobs() -> None:
    expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "1209600"}
    with rigged() as rig, dated(rig, DATED) as http:
        assert upload(http, **expiry).json()["expires_at"] is None
        upload(http)
        listed = http.get("/files", params={**DATED, "limit": 1}).json()
        assert (len(listed["data"]), "last_id" in listed) == (2, False)
        blob = order(input_blob=f"{rig.url}/blob/batches/a", output_folder={"url": "x"})
        assert http.post("/batches", json=blob).status_code == 400
    with rigged() as rig, dated(rig, PREVIEW) as http:
        assert upload(http, **expiry).json()["expires_at"] is not None


def test_a_region_that_fails_fast_refuses_a_create_and_others_fail_later() -> None:
    limits = {"gpt-4.1-mini": 1}
    with rigged(enqueued_token_limits=limits, region="swedencentral") as rig:
        file = rig.upload(chat_lines(9)).json()
        rig.clock.advance(PROCESSING)
        refused = rig.create(file["id"])
        assert (refused.status_code, refused.headers["x-ms-region"]) == (400, "swedencentral")
        assert refused.json()["error"]["code"] == "token_limit_exceeded"
        bad = rig.upload(b"{").json()  # what else is wrong with a file is told later
        rig.clock.advance(PROCESSING)
        assert rig.create(bad["id"]).status_code == 201


def test_files_have_a_quota_of_which_those_with_an_expiry_have_more() -> None:
    expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "1209600"}
    with rigged(most_files=(1, 3)) as rig, dated(rig, PREVIEW) as http:
        assert upload(http).status_code == 201
        refused = upload(http)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "quotaExceeded")
        assert upload(http, **expiry).status_code == 201
        assert upload(http, **expiry).status_code == 201
        assert upload(http, **expiry).status_code == 400


def test_more_than_ten_headers_of_ones_own_are_too_large_but_for_the_official_sdks() -> None:
    with rigged() as rig:
        ten = {f"x-own-{n}": "1" for n in range(10)}
        official = {f"x-stainless-{n}": "1" for n in range(12)}
        assert rig.http.get("/files", headers={**ten, **official}).status_code == 200
        assert rig.http.get("/files", headers={**ten, "x-own-10": "1"}).status_code == 431


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"$filter": "created_at gt {first} and created_at lt 1999999999"}, ["second"]),
        ({"$filter": "status eq 'Completed'"}, ["first"]),
        ({"$filter": "status eq 'failed'"}, []),
        ({"$orderby": "created_at asc"}, ["first", "second"]),
        ({"$filter": "endpoint eq 'x'"}, None),
    ],
)
def test_the_preview_filters_and_orders_its_lists(
    query: dict[str, str], found: list[str] | None
) -> None:
    with rigged() as rig, dated(rig, PREVIEW) as http:
        made = {}
        for name in ("first", "second"):
            file = upload(http).json()
            rig.clock.advance(PROCESSING)
            made[name] = http.post("/batches", json=order(input_file_id=file["id"])).json()
            rig.clock.advance(LONG_ENOUGH if name == "first" else 1)
        given = {key: text.format(first=made["first"]["created_at"]) for key, text in query.items()}
        reply = http.get("/batches", params={**PREVIEW, **given})
        assert reply.status_code == (400 if found is None else 200)
        if found is not None:
            names = {one["id"]: name for name, one in made.items()}
            assert [names[one["id"]] for one in reply.json()["data"]] == found
        assert rig.http.get("/batches", params=given).status_code == 400


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "app", "client_secret": "secret"}, 200, None),
        ({"client_id": "app", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "app", "client_secret": "secret", "scope": "x"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_tokens_are_given_to_who_proves_who_it_is(
    form: dict[str, str], status: int, error: str | None
) -> None:
    usual = {"grant_type": "client_credentials", "scope": "https://ai.azure.com/.default"}
    with rigged(clients={"app": "secret"}) as rig:
        url = f"{rig.url}/tenant/oauth2/v2.0/token"
        reply = httpx.post(url, data={**usual, **form}, verify=TLS)
        assert (reply.status_code, reply.json().get("error")) == (status, error)
        if error is None:
            assert rig.emulator.tokens.audience(reply.json()["access_token"])
        elif status == 401:
            assert reply.json()["error_description"].startswith("AADSTS7000215")


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 400), ({"metadata": "false"}, 400), ({"Metadata": "true"}, 200)]
)
def test_a_machines_identity_wants_its_header(headers: dict[str, str], status: int) -> None:
    with rigged() as rig:
        url = f"{rig.url}/metadata/identity/oauth2/token"
        query = {"resource": "https://ai.azure.com", "api-version": "2018-02-01"}
        reply = httpx.get(url, params=query, headers=headers, verify=TLS)
        assert reply.status_code == status
        if status == 200:
            assert reply.json()["expires_on"].isdecimal()


def test_a_batch_of_a_blob_names_results_before_they_are_there() -> None:
    with rigged(sas="sig=abcdef") as rig, dated(rig, PREVIEW) as http:
        container = rig.emulator.container_url(rig.url)
        blob = f"{container}/in.jsonl"
        kind = {"x-ms-version": "2023-11-03", "x-ms-blob-type": "BlockBlob"}
        put = httpx.put(f"{blob}?sig=abcdef", content=LINES, headers=kind, verify=TLS)
        assert put.status_code == 201
        refused = httpx.put(f"{blob}?sig=wrong", content=LINES, headers=kind, verify=TLS)
        assert (refused.status_code, refused.headers["x-ms-error-code"]) == (
            403,
            "AuthenticationFailed",
        )
        folder = {"url": f"{container}/out/", "delimiter": "/"}
        batch = http.post("/batches", json=order(input_blob=blob, output_folder=folder)).json()
        assert (batch["input_blob"], batch["output_blob"], batch["input_file_id"]) == (
            blob,
            "",
            None,
        )
        rig.clock.advance(70)
        running = rig.again(batch)
        get = {"x-ms-version": "2023-11-03"}
        early = httpx.get(f"{running['output_blob']}?sig=abcdef", headers=get, verify=TLS)
        assert (early.status_code, early.headers["x-ms-error-code"]) == (404, "BlobNotFound")
        rig.clock.advance(LONG_ENOUGH)
        done = rig.again(batch)
        rows = httpx.get(f"{done['output_blob']}?sig=abcdef", headers=get, verify=TLS).text
        assert len([json.loads(row) for row in rows.splitlines()]) == 2
        errors = httpx.get(f"{done['error_blob']}?sig=abcdef", headers=get, verify=TLS)
        assert errors.status_code == 404
        assert rig.http.get("/files").json()["data"] == []


def test_a_blob_that_changed_meanwhile_fails_the_batch() -> None:
    with rigged(sas="sig=abcdef") as rig, dated(rig, PREVIEW) as http:
        container = rig.emulator.container_url(rig.url)
        kind = {"x-ms-version": "2023-11-03", "x-ms-blob-type": "BlockBlob"}
        url = f"{container}/in.jsonl"
        httpx.put(f"{url}?sig=abcdef", content=LINES, headers=kind, verify=TLS)
        folder = {"url": f"{container}/out"}
        batch = http.post("/batches", json=order(input_blob=url, output_folder=folder)).json()
        httpx.put(f"{url}?sig=abcdef", content=LINES * 2, headers=kind, verify=TLS)
        rig.clock.advance(LONG_ENOUGH)
        assert rig.again(batch)["errors"]["data"][0]["code"] == "input_modified"
