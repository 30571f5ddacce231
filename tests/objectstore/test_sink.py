from __future__ import annotations

import io
import json
import logging
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import obstore
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it brings no types
import pytest
from moto.server import ThreadedMotoServer
from obstore.store import from_url
from pydantic import SecretStr, ValidationError

from batchyard.errors import ConfigError
from batchyard.events import from_json
from batchyard.models import LineRecord, Usage
from batchyard_objectstore import ObjectStoreSettings, ObjectStoreSink
from batchyard_objectstore._store import NotStoredError
from tests.otel.told import ENDED, ITEM, SECRET, TOLD, UPLOADED, USAGE

LINE = LineRecord(
    id="line_1",
    batch_id="batch_7",
    number=501,
    custom_id="row-1",
    outcome="ok",
    endpoint="/v1/chat/completions",
    status=200,
    model="gpt-5-mini",
    usage=USAGE,
    cost=Decimal("0.000000001"),
    created_at=1_795_003_000,
)

LINES = [LINE, replace(LINE, id="line_2", number=502, usage=Usage(known=False), cost=None)]

DAY = "2026-11-18"


class Place:
    """A store to be written to, and read back from by other means."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.url = url
        self.settings = settings

    def sink(self, **settings: Any) -> ObjectStoreSink:
        return ObjectStoreSink(ObjectStoreSettings(url=self.url, **self.settings, **settings))

    @property
    def store(self) -> Any:
        options = {name: one.get_secret_value() for name, one in self.settings["options"].items()}
        return from_url(self.url, config=options, client_options={"allow_http": True})  # type: ignore[call-overload]  # of any store

    @property
    def files(self) -> dict[str, bytes]:
        found = [one for part in obstore.list(self.store) for one in part]
        return {one["path"]: bytes(obstore.get(self.store, one["path"]).bytes()) for one in found}


class Folder(Place):
    @property
    def store(self) -> Any:
        return from_url(Path(self.url).as_uri())


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """moto's server: S3, as far as it goes."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/lake", method="PUT")).close()  # noqa: S310 - our own
    yield url
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Folder(str(tmp_path / "lake"))
    options = {
        "endpoint": request.getfixturevalue("s3"),
        "region": "us-east-1",
        "access_key_id": "key",
        "secret_access_key": SECRET,
    }
    secret = {name: SecretStr(value) for name, value in options.items()}
    return Place(f"s3://lake/{tmp_path.name}", options=secret, allow_http=True)


def test_an_event_is_a_file_of_its_day(place: Place) -> None:
    place.sink().deliver(ENDED)
    place.sink().deliver(UPLOADED)
    assert datetime.fromtimestamp(TOLD, UTC).date().isoformat() == DAY
    assert set(place.files) == {
        f"events/date={DAY}/evt_1.ndjson",
        f"events/date={DAY}/evt_0.ndjson",
    }
    assert from_json(json.loads(place.files[f"events/date={DAY}/evt_1.ndjson"])) == ENDED


def test_lines_are_a_file_for_each_part(place: Place) -> None:
    place.sink().deliver_lines(ENDED, LINES)
    ((name, data),) = place.files.items()
    assert name == f"lines/date={DAY}/evt_1-0000000501.ndjson"
    records = [json.loads(line) for line in data.splitlines()]
    assert [one["number"] for one in records] == [501, 502]
    assert records[0]["cost"] == "0.000000001"
    assert "request" not in records[0]


def test_what_is_delivered_twice_is_there_once_as_it_came_first(place: Place) -> None:
    place.sink().deliver(ENDED)
    before = place.files
    place.sink().deliver(replace(ENDED, reason="another text"))
    assert place.files == before


def test_many_at_once_put_one_file(place: Place) -> None:
    one = place.sink()
    threads = [threading.Thread(target=one.deliver, args=(ENDED,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(place.files) == 1


def test_parquet_has_columns_for_what_is_asked_for(place: Place) -> None:
    one = place.sink(format="parquet")
    one.deliver(ENDED)
    one.deliver_lines(ENDED, LINES)
    tables = {
        name.split("/")[0]: pq.read_table(io.BytesIO(data)).to_pylist()
        for name, data in place.files.items()
    }
    (event,) = tables["events"]
    assert event["cost"] == ITEM.cost
    assert (event["batch_id"], event["team"], event["total_tokens"]) == ("batch_7", "docs", 1150)
    assert event["at"] == datetime.fromtimestamp(TOLD, UTC)
    assert from_json(json.loads(event["record"])) == ENDED
    first, second = tables["lines"]
    assert first["cost"] == Decimal("0.000000001")
    assert first["input_tokens"] == 900
    # not known is no number
    assert second["cost"] is second["input_tokens"] is None


def test_half_a_surrogate_pair_costs_no_other_line(place: Place) -> None:
    odd = replace(LINES[1], request_id="req_\ud83d")
    place.sink(format="parquet").deliver_lines(ENDED, [LINES[0], odd])
    [data] = place.files.values()
    first, second = pq.read_table(io.BytesIO(data)).to_pylist()
    assert (first["custom_id"], second["request_id"]) == (LINES[0].custom_id, "req_?")
    assert json.loads(second["record"])["request_id"] == "req_\ud83d"


def test_a_failure_is_raised_and_has_no_secret(place: Place, tmp_path: Path) -> None:
    if isinstance(place, Folder):
        place = Folder(str(tmp_path / "file" / "lake"))
        (tmp_path / "file").write_text("in the way")
    else:
        place.url = "s3://no-such-bucket/x"
    with pytest.raises((NotStoredError, OSError)) as failure:
        place.sink(timeout=1).deliver(ENDED)
    assert SECRET not in str(failure.value)
    assert SECRET not in repr(place.sink()._settings)


def test_a_store_that_is_not_there_is_a_failure() -> None:
    options = {"endpoint": "http://127.0.0.1:9", "region": "x", "skip_signature": "true"}
    secret = {name: SecretStr(value) for name, value in options.items()}
    one = ObjectStoreSettings(url="s3://lake", options=secret, allow_http=True, timeout=0.3)
    with pytest.raises(NotStoredError):
        ObjectStoreSink(one).deliver(ENDED)


def test_an_option_that_there_is_not_is_told_without_its_value() -> None:
    settings = ObjectStoreSettings(url="s3://lake", options={"no_such": SecretStr(SECRET)})
    with pytest.raises(ConfigError, match="cannot be used as it is configured") as refused:
        ObjectStoreSink(settings).deliver(ENDED)
    assert SECRET not in str(refused.value)


def test_files_on_a_disk_are_for_their_owner(tmp_path: Path) -> None:
    ObjectStoreSink(ObjectStoreSettings(url=str(tmp_path / "lake"))).deliver(ENDED)
    assert (tmp_path / "lake").stat().st_mode & 0o077 == 0


def test_an_id_from_outside_cannot_leave_the_folder(tmp_path: Path) -> None:
    one = ObjectStoreSink(ObjectStoreSettings(url=str(tmp_path / "lake")))
    with pytest.raises(ValueError, match="illegal character sequence"):
        one.deliver(replace(ENDED, id="../../../evil"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://x/y"},
        {"url": "s3://"},
        {"url": f"s3://a:{SECRET}@c"},
        {"format": "csv"},
        {"options": {"endpoint": f"http://a:{SECRET}@c:9000/"}},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ObjectStoreSettings(**{"url": "x", **settings})
    assert SECRET not in str([one["msg"] for one in caught.value.errors()])
