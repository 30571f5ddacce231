from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from pydantic import SecretStr, ValidationError

from batchyard.models import BatchEvent
from batchyard_sql import SqlSettings, SqlSink
from batchyard_sql._failing import NotWrittenError
from batchyard_sql._tables import Tables
from tests.ledger.conftest import Server, started
from tests.otel.told import CANARY, CREATED, ENDED, ITEM, RECEIPT, SECRET, UPLOADED, event

REPRICED = event(
    "batch_repriced",
    receipt=replace(
        RECEIPT,
        number=1,
        kind="repricing",
        cost=Decimal("-0.001"),
        items=(replace(ITEM, cost=Decimal("-0.0023125")), replace(ITEM, cost=Decimal("0.0013125"))),
    ),
)


class Warehouse:
    """A database, and what somebody finds in it who asks by its own means."""

    def __init__(self, url: str) -> None:
        self.url = url

    def settings(self, **changed: Any) -> SqlSettings:
        return SqlSettings(url=SecretStr(self.url), **changed)

    def sink(self, **changed: Any) -> SqlSink:
        return SqlSink(self.settings(**changed))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        if self.url.startswith("duckdb:"):
            with duckdb.connect(self.url.removeprefix("duckdb://")) as connection:
                return connection.execute(query).fetchall()
        with closing(psycopg.connect(self.url, autocommit=True)) as found:
            cursor = found.execute(query.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with started() as server:
        yield server


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    if request.param == "duckdb":
        yield Warehouse(f"duckdb://{tmp_path / 'costs.duckdb'}")
        return
    server: Server = request.getfixturevalue("postgres")
    found = Warehouse(server.url("postgres"))
    yield found
    # a database for each would take longer than all the tests
    found.ask('drop schema if exists batchyard, "Finance" cascade')


def test_a_settlement_is_a_row_and_each_model_of_it_another(warehouse: Warehouse) -> None:
    warehouse.sink().deliver(ENDED)
    settled = warehouse.ask(
        "select batch_id, number, kind, owner, team, tags, state, cost, lines, ok, failed, "
        "complete, extract(epoch from created_at) from batchyard.settlements"
    )
    assert settled == [
        (
            "batch_7",
            0,
            "settlement",
            "ann",
            "docs",
            '["nightly", "eval"]',
            "priced",
            ITEM.cost,
            4,
            3,
            1,
            True,
            CREATED,
        )
    ]
    items = warehouse.ask(
        "select model, lines, input_tokens, cached_tokens, cost, price_source "
        "from batchyard.settlement_items"
    )
    assert items == [("gpt-5-mini", 3, 900, 100, ITEM.cost, "book")]


def test_what_is_delivered_twice_is_there_once(warehouse: Warehouse) -> None:
    for _ in range(3):
        warehouse.sink().deliver(ENDED)
    counted = "select count(*) from batchyard.settlement_items"
    assert warehouse.ask(counted) == [(1,)]


def test_sums_are_right_after_a_repricing(warehouse: Warehouse) -> None:
    one = warehouse.sink()
    for told in (ENDED, REPRICED, REPRICED):
        one.deliver(told)
    expected = [(Decimal("0.0013125"),)]
    assert warehouse.ask("select sum(cost) from batchyard.settlements") == expected
    assert warehouse.ask("select sum(cost) from batchyard.settlement_items") == expected


def test_what_is_unknown_is_null_and_not_nothing(warehouse: Warehouse) -> None:
    item = replace(ITEM, cost=None, rates=None, model=None, reason="no price")
    receipt = replace(RECEIPT, items=(item,), cost=None, priced_cost=Decimal(0), state="unpriced")
    warehouse.sink().deliver(replace(ENDED, receipt=receipt))
    assert warehouse.ask("select cost, state from batchyard.settlements") == [(None, "unpriced")]
    rows = warehouse.ask("select model, cost, reason from batchyard.settlement_items")
    assert rows == [(None, None, "no price")]


def test_money_is_exact(warehouse: Warehouse) -> None:
    cost = Decimal("12345678901234.123456789")
    receipt = replace(RECEIPT, items=(replace(ITEM, cost=cost),), cost=cost, priced_cost=cost)
    warehouse.sink().deliver(replace(ENDED, receipt=receipt))
    assert warehouse.ask("select cost from batchyard.settlements") == [(cost,)]


def test_events_without_a_receipt_are_none_of_its_business(warehouse: Warehouse) -> None:
    one = warehouse.sink(create=False)
    for told in (UPLOADED, event("batch_created", receipt=None)):
        one.deliver(told)


def test_a_sample_tries_everything_and_is_in_nobodys_sums(warehouse: Warehouse) -> None:
    sample = replace(ENDED, id="evt_sample_1", receipt=replace(RECEIPT, batch_id="batch_sample"))
    one = warehouse.sink()
    one.deliver(sample)
    assert warehouse.ask("select count(*) from batchyard.settlements") == [(0,)]
    one.deliver(ENDED)
    assert warehouse.ask("select count(*) from batchyard.settlement_items") == [(1,)]
    warehouse.ask("drop table batchyard.settlement_items")
    with pytest.raises(NotWrittenError):
        one.deliver(sample)


def test_all_rows_of_an_event_are_written_or_none(warehouse: Warehouse) -> None:
    warehouse.sink().deliver(ENDED)
    warehouse.ask("drop table batchyard.settlement_items")
    with pytest.raises(NotWrittenError):
        warehouse.sink(create=False).deliver(REPRICED)
    assert warehouse.ask("select count(*) from batchyard.settlements") == [(1,)]


def test_tables_that_are_gone_are_made_again(warehouse: Warehouse) -> None:
    one = warehouse.sink()
    one.deliver(ENDED)
    warehouse.ask("drop schema batchyard cascade")
    with pytest.raises(NotWrittenError, match="does not exist"):
        one.deliver(ENDED)
    one.deliver(ENDED)
    assert warehouse.ask("select count(*) from batchyard.settlements") == [(1,)]


def test_many_at_once_write_each_row_once(warehouse: Warehouse) -> None:
    failures: list[BaseException] = []

    def told(sink: SqlSink, number: int) -> None:
        receipt = replace(RECEIPT, batch_id=f"batch_{number % 4}")
        try:
            sink.deliver(replace(ENDED, receipt=receipt))
        except NotWrittenError as error:  # pragma: no cover - it is what must not be
            failures.append(error)

    sinks = (
        [warehouse.sink(), warehouse.sink()] if "postgres" in warehouse.url else [warehouse.sink()]
    )
    threads = [
        threading.Thread(target=told, args=(sinks[number % len(sinks)], number))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert warehouse.ask("select count(*) from batchyard.settlements") == [(4,)]


def test_tables_may_be_called_otherwise_and_be_made_by_somebody_else(warehouse: Warehouse) -> None:
    names = {"db_schema": "Finance", "settlements": "receipts", "items": "receipt_lines"}
    for statement in Tables.of(warehouse.settings(**names)).create:
        warehouse.ask(statement)
    warehouse.sink(create=False, **names).deliver(ENDED)
    assert warehouse.ask('select count(*) from "Finance".receipt_lines') == [(1,)]


@pytest.mark.parametrize("told", [ENDED, event("batch_failed", reason=CANARY)])
def test_no_text_that_somebody_wrote_is_written(warehouse: Warehouse, told: BatchEvent) -> None:
    warehouse.sink().deliver(told)
    for table in ("settlements", "settlement_items"):
        assert CANARY not in str(warehouse.ask(f"select * from batchyard.{table}"))  # noqa: S608 - ours


def test_text_from_outside_is_a_value_and_may_have_anything_in_it(warehouse: Warehouse) -> None:
    odd = "x'); drop table batchyard.settlements; --\x00é"
    receipt = replace(RECEIPT, items=(replace(ITEM, model=odd),))
    warehouse.sink().deliver(replace(ENDED, receipt=receipt))
    rows = warehouse.ask("select model from batchyard.settlement_items")
    assert rows == [(odd.replace("\x00", ""),)]


def test_a_database_that_is_not_there_is_a_failure_without_its_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = SqlSettings(url=SecretStr(f"postgresql://ann:{SECRET}@127.0.0.1:9/costs"))
    said = "^Postgres: OperationalError: connection refused$"
    with pytest.raises(NotWrittenError, match=said) as failure:
        SqlSink(settings).deliver(ENDED)
    for text in (str(failure.value), repr(settings), caplog.text):
        assert SECRET not in text


def test_a_file_that_another_process_has_is_a_failure_and_later_none(tmp_path: Path) -> None:
    (tmp_path / "costs.duckdb").mkdir()
    one = SqlSink(SqlSettings(url=SecretStr(f"duckdb://{tmp_path / 'costs.duckdb'}")))
    with pytest.raises(NotWrittenError, match="DuckDB: "):
        one.deliver(ENDED)
    (tmp_path / "costs.duckdb").rmdir()
    one.deliver(ENDED)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "mysql://x/y"},
        {"url": "duckdb://"},
        {"db_schema": 'x"; drop table y; --'},
        {"items": "1x"},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SqlSettings(**{"url": SecretStr("duckdb:///x.duckdb"), **settings})
