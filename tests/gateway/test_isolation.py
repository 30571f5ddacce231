"""Another tenant's id and one that was never given are the same thing, on every route."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from batchyard.gateway.routes import OPERATIONS, PREFIXES
from batchyard.ledger import Ledger
from batchyard.ledger.tables import metadata
from tests.gateway.keys import secret_of
from tests.gateway.site import CHAT, MASTER, Site, gateway, lines

UNKNOWN = {"file": "file-" + "0" * 32, "batch": "batch_" + "0" * 32}


@dataclass
class Tenants:
    """What Ana has; Bob, whose key is ``other``, has nothing."""

    site: Site
    other: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def tenants(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    folder = tmp_path_factory.mktemp("tenants")
    shutil.copy(sqlite_template, folder / "ledger.db")
    with gateway(folder, str(folder / "ledger.db"), settings={"master_key": MASTER}) as site:
        ana = site.openai(secret_of(site, "ana"))
        file = ana.files.create(file=("in.jsonl", lines(1)), purpose="batch")
        done = ana.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        site.follow()
        output = ana.batches.retrieve(done.id).output_file_id
        assert output is not None
        running = ana.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
        ids = {"file": file.id, "output": output, "batch": running.id, "settled": done.id}
        yield Tenants(site, secret_of(site, "bob"), ids)


@dataclass(frozen=True)
class Case:
    """A request that names an id, which ``send`` is given."""

    name: str
    kind: str
    send: Callable[[httpx.Client, str], httpx.Response]


def cases() -> Iterator[Case]:
    for prefix in PREFIXES:
        at = prefix.replace("{provider}", "openai")
        for one in OPERATIONS:
            path = at + one.path
            if "{" in one.path:
                yield _by_path(one.method, path)
            elif one.method == "GET":
                kind = "file" if "files" in one.path else "batch"
                yield Case(f"GET {path}?after=", kind, _after(path))
            elif one.path == "/batches":
                yield Case(f"POST {path} input_file_id", "file", _create(path))


def _by_path(method: str, path: str) -> Case:
    kind = "file" if "{file_id}" in path else "batch"
    name = f"{{{kind}_id}}"
    assert name in path, f"{path} names something that this test does not know"
    return Case(
        f"{method} {path}",
        kind,
        lambda client, id_: client.request(method, path.replace(name, id_)),
    )


def _after(path: str) -> Callable[[httpx.Client, str], httpx.Response]:
    return lambda client, id_: client.get(path, params={"after": id_})


def _create(path: str) -> Callable[[httpx.Client, str], httpx.Response]:
    return lambda client, id_: client.post(
        path, json={"input_file_id": id_, "endpoint": CHAT, "completion_window": "24h"}
    )


CASES = list(cases())


def test_every_operation_that_can_name_an_id_is_in_the_matrix() -> None:
    without = {("POST", "/files"), ("GET", "/models"), ("GET", "/providers")}
    named = {(one.method, one.path) for one in OPERATIONS} - without
    assert len(CASES) == len(named) * len(PREFIXES)


@pytest.mark.parametrize("case", CASES, ids=lambda one: one.name)
def test_another_tenant_s_id_and_an_unknown_one_are_the_same(tenants: Tenants, case: Case) -> None:
    before = tenants.site.run(everything)
    theirs = {
        "file": [tenants.ids["file"], tenants.ids["output"]],
        "batch": [tenants.ids["batch"], tenants.ids["settled"]],
    }[case.kind]
    unknown = UNKNOWN[case.kind]
    with tenants.site.http(tenants.other) as client:
        expected = case.send(client, unknown)
        assert 400 <= expected.status_code < 500, expected.text
        for id_ in theirs:
            found = case.send(client, id_)
            assert found.status_code == expected.status_code
            assert found.content.replace(id_.encode(), unknown.encode()) == expected.content
            assert _headers(found) == _headers(expected)
    assert tenants.site.run(everything) == before


def _headers(reply: httpx.Response) -> dict[str, str]:
    changing = {"date", "x-request-id"}
    return {name: value for name, value in reply.headers.items() if name not in changing}


async def everything(ledger: Ledger) -> dict[str, list[Any]]:
    """All rows of all tables."""
    async with ledger.parts.db.reading() as connection:
        return {
            name: sorted(
                json.dumps(list(row), default=str)
                for row in (await connection.execute(select(table))).all()
            )
            for name, table in metadata.tables.items()
        }


def test_lists_show_a_tenant_nothing_of_another(tenants: Tenants) -> None:
    with tenants.site.http(tenants.other) as client:
        for prefix in ("/v1", "", "/openai/v1"):
            for path in ("files", "batches"):
                assert client.get(f"{prefix}/{path}").json()["data"] == []


def test_the_master_key_sees_everybody_s(tenants: Tenants) -> None:
    with tenants.site.http(MASTER) as client:
        assert client.get(f"/v1/files/{tenants.ids['file']}").status_code == 200
        assert client.get(f"/v1/batches/{tenants.ids['batch']}").status_code == 200


def test_keys_of_one_owner_share(tenants: Tenants) -> None:
    one, two = (secret_of(tenants.site, name, owner="team-a") for name in ("one", "two"))
    with tenants.site.http(one) as first, tenants.site.http(two) as second:
        body = {"file": ("in.jsonl", lines(1))}
        made = first.post("/v1/files", files=body, data={"purpose": "batch"}).json()
        assert second.get(f"/v1/files/{made['id']}").json() == made


def test_idempotency_keys_of_different_owners_do_not_meet(tenants: Tenants) -> None:
    headers = {"idempotency-key": "monday"}
    made = []
    for name in ("carla", "dora"):
        with tenants.site.http(secret_of(tenants.site, name)) as client:
            file = client.post(
                "/v1/files",
                files={"file": ("in.jsonl", lines(1))},
                data={"purpose": "batch"},
                headers=headers,
            ).json()
            body = {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}
            batch = client.post("/v1/batches", json=body, headers=headers)
            assert batch.status_code == 200, batch.text
            again = client.post("/v1/batches", json=body, headers=headers)
            assert again.json()["id"] == batch.json()["id"]
            made += [file["id"], batch.json()["id"]]
    assert len(set(made)) == 4
