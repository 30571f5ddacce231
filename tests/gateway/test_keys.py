"""Who may call: a master key, virtual keys, and what becomes of them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from starlette.requests import HTTPConnection

from batchyard.errors import ConfigError
from batchyard.gateway import from_environment
from batchyard.gateway._home import from_home
from batchyard.ledger import Ledger
from batchyard.ledger.tables import keys
from tests.gateway.keys import key_of, secret_of
from tests.gateway.site import CHAT, MASTER, Site, gateway, lines


@pytest.fixture(scope="module")
def guarded(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway with a master key."""
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copy(sqlite_template, folder / "ledger.db")
    settings = {"master_key": MASTER}
    with gateway(folder, str(folder / "ledger.db"), settings=settings) as made:
        yield made


def error_of(reply: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = reply.json()["error"]
    return error


def upload(client: httpx.Client, content: bytes, **options: Any) -> httpx.Response:
    return client.post(
        "/v1/files", files={"file": ("in.jsonl", content)}, data={"purpose": "batch"}, **options
    )


def submit(client: httpx.Client, file_id: str, **options: Any) -> httpx.Response:
    body = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
    return client.post("/v1/batches", json=body, **options)


def test_who_shows_no_key_or_a_wrong_one_is_refused_as_openai_does_it(guarded: Site) -> None:
    with guarded.http() as client:
        none, wrong = (
            client.get("/v1/files", headers=headers)
            for headers in ({}, {"authorization": "Bearer sk-by-wrong"})
        )
    for reply in (none, wrong):
        assert reply.status_code == 401
        assert error_of(reply)["code"] == "invalid_api_key"
        assert error_of(reply)["type"] == "invalid_request_error"


def test_a_key_is_created_listed_rotated_and_revoked_over_http(guarded: Site) -> None:
    with guarded.http(MASTER) as admin:
        made = admin.post("/admin/keys", json={"name": "ci", "team": "search", "tags": ["nightly"]})
        assert made.status_code == 200, made.text
        key = made.json()
        assert key["secret"].startswith("sk-by-")
        assert key["owner"] == key["id"]
        shown = admin.get(f"/admin/keys/{key['id']}").json()
        assert shown == {**key, "secret": None}
        listed = admin.get("/admin/keys", params={"limit": 1}).json()["data"]
        assert [one["id"] for one in listed] == [key["id"]]
        with guarded.http(key["secret"]) as client:
            assert client.get("/v1/files").status_code == 200
            assert client.get("/admin/keys").status_code == 403

        changed = admin.post(f"/admin/keys/{key['id']}/rotate", json={"grace": 60}).json()
        assert changed["id"] == key["id"]
        with guarded.http(key["secret"]) as old, guarded.http(changed["secret"]) as new:
            assert [one.get("/v1/files").status_code for one in (old, new)] == [200, 200]
            guarded.clock.advance(61)
            assert [one.get("/v1/files").status_code for one in (old, new)] == [401, 200]

            ended = admin.post(f"/admin/keys/{key['id']}/revoke")
            assert ended.json()["revoked_at"] is not None
            assert new.get("/v1/files").status_code == 401
        again = admin.post(f"/admin/keys/{key['id']}/rotate")
        assert (again.status_code, error_of(again)["code"]) == (409, "key_revoked")
        missing = admin.post("/admin/keys/key_none/revoke")
        assert missing.status_code == 404


def test_of_a_secret_nothing_but_its_digest_and_its_end_is_kept(guarded: Site) -> None:
    key = key_of(guarded)
    assert key.secret is not None
    assert len(key.secret) >= len("sk-by-") + 43  # 256 bits
    assert key.secret not in repr(key)

    async def row(ledger: Ledger) -> dict[str, Any]:
        async with ledger.parts.db.reading() as connection:
            query = select(keys).where(keys.c.id == key.id)
            return dict((await connection.execute(query)).mappings().one())

    kept = guarded.run(row)
    assert kept["hash"] == hashlib.sha256(key.secret.encode()).hexdigest()
    assert key.secret not in str(kept)
    assert kept["hint"] == key.secret[-4:]


def test_a_key_that_has_expired_is_refused(guarded: Site) -> None:
    secret = secret_of(guarded, expires_at=guarded.clock.now() + 10)
    with guarded.http(secret) as client:
        assert client.get("/v1/files").status_code == 200
        guarded.clock.advance(10)
        refused = client.get("/v1/files")
    assert refused.status_code == 401
    assert "expired" in error_of(refused)["message"]


def test_what_another_process_revokes_is_refused_within_a_second(guarded: Site) -> None:
    key = key_of(guarded)
    with guarded.http(key.secret) as client:
        assert client.get("/v1/files").status_code == 200
        # not by the gateway, which would know at once
        guarded.run(lambda ledger: ledger.revoke_key(key.id))
        guarded.clock.advance(1)
        assert client.get("/v1/files").status_code == 401


def test_every_model_of_an_upload_is_authorised_and_nothing_of_a_refused_one_is_kept(
    guarded: Site,
) -> None:
    secret = secret_of(guarded, models=("gpt-4.1-mini",))
    smuggled = lines(1, model="gpt-4.1-mini").replace(
        b'"model": "gpt-4.1-mini"', b'"model": "gpt-4.1", "model": "gpt-4.1-mini"'
    )
    with guarded.http(secret) as client:
        for content in (lines(2) + lines(1, model="gpt-4.1").replace(b"r-0", b"x"), smuggled):
            refused = upload(client, content)
            assert refused.status_code == 400
            assert refused.json()["error"]["data"][0]["line"] in {1, 3}
        assert client.get("/v1/files").json()["data"] == []
        assert upload(client, lines(2)).status_code == 200


def test_what_a_key_may_use_is_asked_again_at_create(guarded: Site) -> None:
    wide = secret_of(guarded, owner="shared")
    narrow = secret_of(guarded, owner="shared", models=("gpt-4.1",))
    elsewhere = secret_of(guarded, owner="shared", accounts=("azure",))
    with guarded.http(wide) as client:
        file_id = upload(client, lines(1)).json()["id"]
    for secret, code in ((narrow, "model_not_allowed"), (elsewhere, "account_not_allowed")):
        with guarded.http(secret) as client:
            refused = submit(client, file_id)
            assert (refused.status_code, error_of(refused)["code"]) == (403, code)
            assert client.get("/v1/batches").json()["data"] == []
    with guarded.http(wide) as client:
        assert submit(client, file_id).status_code == 200


def test_requests_a_minute_are_limited_with_openai_s_headers(guarded: Site) -> None:
    secret = secret_of(guarded, "slow", limits={"requests_per_minute": 2})
    with guarded.http(secret) as client:
        replies = [client.get("/v1/files") for _ in range(3)]
        assert [one.status_code for one in replies] == [200, 200, 429]
        assert replies[0].headers["x-ratelimit-limit-requests"] == "2"
        assert [one.headers["x-ratelimit-remaining-requests"] for one in replies] == ["1", "0", "0"]
        error = error_of(replies[2])
        assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
        assert "Limit 2" in error["message"]
        assert replies[2].headers["retry-after"] == "30"
        guarded.clock.advance(30)
        assert client.get("/v1/files").status_code == 200


def test_files_and_bytes_stored_are_limited(guarded: Site) -> None:
    size = len(lines(1))
    few = secret_of(guarded, limits={"files": 1})
    small = secret_of(guarded, limits={"bytes": size + 1})
    for secret, what in ((few, "files stored"), (small, "bytes stored")):
        with guarded.http(secret) as client:
            keyed = {"headers": {"idempotency-key": "once"}}
            first = upload(client, lines(1), **keyed)
            assert first.status_code == 200
            refused = upload(client, lines(1))
            assert refused.status_code == 429
            assert what in error_of(refused)["message"]
            assert "Used" in error_of(refused)["message"]
            # what was stored already takes no room again
            assert upload(client, lines(1), **keyed).json()["id"] == first.json()["id"]
            assert client.delete(f"/v1/files/{first.json()['id']}").status_code == 200
            assert upload(client, lines(1)).status_code == 200


def test_enqueued_tokens_are_limited_until_batches_end(guarded: Site) -> None:
    measured = secret_of(guarded, limits={"enqueued_tokens": 10**6})
    with guarded.http(measured) as client:
        submit(client, upload(client, lines(5)).json()["id"])
    tokens = guarded.run(_enqueued)
    assert tokens > 0
    secret = secret_of(guarded, limits={"enqueued_tokens": tokens})
    with guarded.http(secret) as client:
        file_id = upload(client, lines(5)).json()["id"]
        assert submit(client, file_id).status_code == 200
        refused = submit(client, file_id)
        assert refused.status_code == 429
        error = error_of(refused)
        assert error["code"] == "token_limit_exceeded"
        assert f"Limit {tokens:,}, Used {tokens:,}, Requested {tokens:,}" in error["message"]
        guarded.follow()
        assert submit(client, file_id).status_code == 200


async def _enqueued(ledger: Ledger) -> int:
    from batchyard.ledger.tables import batches  # noqa: PLC0415

    async with ledger.parts.db.reading() as connection:
        query = select(batches.c.enqueued_tokens).where(batches.c.enqueued_tokens.is_not(None))
        found = (await connection.execute(query)).scalars().first()
    return found or 0


def test_an_order_that_makes_no_key_is_refused(guarded: Site) -> None:
    with guarded.http(MASTER) as admin:
        for body, param in (
            ({}, "name"),
            ({"name": ""}, "name"),
            ({"name": "a", "owner": "\n"}, "owner"),
            ({"name": "a", "expires_at": 1}, "expires_at"),
            ({"name": "a", "limits": {"files": -1}}, "limits.files"),
            ({"name": "a", "admin": True}, "admin"),
        ):
            refused = admin.post("/admin/keys", json=body)
            assert (refused.status_code, error_of(refused)["param"]) == (400, param), body


def test_the_admin_api_has_no_provider_s_prefix(guarded: Site) -> None:
    with guarded.http(MASTER) as admin:
        for path in ("/v1/admin/keys", "/openai/v1/admin/keys"):
            assert admin.get(path).status_code == 404


def test_a_batch_made_elsewhere_is_taken_over(guarded: Site) -> None:
    client = guarded.openai(MASTER)
    file = client.files.create(file=("in.jsonl", lines(1)), purpose="batch")
    ours = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    guarded.follow()

    async def theirs(ledger: Ledger) -> str:
        from tests.ledger.life.place import job_of  # noqa: PLC0415

        found = (await job_of(ledger, ours.id)).provider_batch_id
        assert found is not None
        return found

    with guarded.http(MASTER) as admin:
        provider_id = guarded.run(theirs)
        taken = admin.post("/admin/adopt", json={"batch_id": provider_id, "account": "openai"})
        assert (taken.status_code, taken.json()["id"]) == (200, ours.id)
        assert admin.post("/admin/adopt", json={"batch_id": "batch_none"}).status_code == 404
        for unknown in ("nowhere", "\U000eedf2", "vertex"):
            order = {"batch_id": provider_id, "account": unknown}
            refused = admin.post("/admin/adopt", json=order)
            assert (refused.status_code, error_of(refused)["param"]) == (400, "account")
    with guarded.http(secret_of(guarded)) as other:
        assert other.post("/admin/adopt", json={"batch_id": provider_id}).status_code == 403


def test_without_any_key_this_machine_is_trusted_until_there_is_one(
    sqlite_template: Path, tmp_path: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    with gateway(tmp_path, str(tmp_path / "ledger.db")) as site, site.http() as anybody:
        assert anybody.get("/v1/files").status_code == 200
        whatever = {"authorization": "Bearer sk-whatever"}
        assert anybody.get("/v1/files", headers=whatever).status_code == 200
        key = key_of(site)
        site.clock.advance(1)
        assert anybody.get("/v1/files").status_code == 401
        # nor do they come back when the last key has ended
        site.run(lambda ledger: ledger.revoke_key(key.id))
        site.clock.advance(1)
        assert anybody.get("/v1/files").status_code == 401
        assert json.loads(anybody.get("/healthz").text) == {"status": "ok"}


def test_without_any_key_no_web_page_is_taken_for_its_operator(
    sqlite_template: Path, tmp_path: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    with gateway(tmp_path, str(tmp_path / "ledger.db")) as site, site.http() as client:
        forged: tuple[dict[str, str], ...] = (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"host": "evil.example:4000"},
            {"host": "127.0.0.1.evil.example"},
        )
        for headers in forged:
            form = {"content-type": "application/x-www-form-urlencoded"}
            refused = client.post(
                "/admin/keys", content=b'{"name": "evil"}', headers=headers | form
            )
            assert (refused.status_code, error_of(refused)["code"]) == (403, "master_key_needed")
            assert "BATCHYARD_MASTER_KEY" in error_of(refused)["message"]
            assert client.get("/v1/files", headers=headers).status_code == 403
        for host in ("localhost:4000", "127.0.0.1", "[::1]:4000", "LOCALHOST"):
            assert client.get("/v1/files", headers={"host": host}).status_code == 200
        assert client.get("/v1/files", headers={"sec-fetch-site": "none"}).status_code == 200


@pytest.mark.parametrize(
    ("peer", "home"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("203.0.113.9", False),
        ("::ffff:203.0.113.9", False),
        # a UNIX socket
        (None, False),
    ],
)
def test_without_any_key_only_this_machine_is_answered(peer: str | None, *, home: bool) -> None:
    scope = {
        "type": "http",
        "client": None if peer is None else (peer, 5),
        "headers": [(b"host", b"localhost")],
    }
    assert from_home(HTTPConnection(scope)) is home


def test_a_factory_s_application_is_not_made_for_others_without_a_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BATCHYARD_GATEWAY__HOST", "0.0.0.0")  # noqa: S104 - to be refused
    monkeypatch.delenv("BATCHYARD_MASTER_KEY", raising=False)
    with pytest.raises(ConfigError, match="master key"):
        from_environment()
