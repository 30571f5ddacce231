from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.resources import files
from typing import Any

import promql_parser
import pytest
import yaml
from click.testing import CliRunner
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from batchyard.models import RequestEvent
from batchyard_prometheus import PrometheusListener
from batchyard_prometheus._command import command


def sent(status: int | None = 200, method: str = "GET", seconds: float = 0.2) -> RequestEvent:
    return RequestEvent(
        hook="request_sent",
        at=0.0,
        provider="openai",
        account="main",
        method=method,
        url="https://api.example/v1/files/file-abc",
        status=status,
        seconds=seconds,
        error=None if status else "ConnectError",
    )


def read(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
    }


def test_requests_are_counted_by_what_came_of_them() -> None:
    registry = CollectorRegistry()
    listener = PrometheusListener(registry)
    for status in (200, 201, 429, None):
        listener.request_sent(sent(status))
    found = read(registry)
    main = ("batchyard_http_requests_total", "main", "GET", "openai")
    assert (found[*main, "2xx"], found[*main, "4xx"], found[*main, "error"]) == (2, 1, 1)
    assert found["batchyard_http_request_seconds_count", "main", "GET", "openai"] == 4
    assert "file-abc" not in generate_latest(registry).decode()


def test_several_listeners_of_a_process_count_together() -> None:
    registry = CollectorRegistry()
    for _ in range(2):
        PrometheusListener(registry).request_sent(sent())
    assert read(registry)["batchyard_http_requests_total", "main", "GET", "openai", "2xx"] == 2


def test_a_method_that_nobody_knows_makes_no_label() -> None:
    registry = CollectorRegistry()
    PrometheusListener(registry).request_sent(sent(method="X" * 1000))
    assert "XXX" not in generate_latest(registry).decode()


def test_where_nobody_can_see_it_nothing_is_imported_and_counted() -> None:
    """It loads with every account, whether anybody scrapes or not."""
    code = (
        "import sys; from batchyard_prometheus import PrometheusListener\n"
        "from batchyard.models import RequestEvent\n"
        "PrometheusListener().request_sent(RequestEvent(hook='request_sent', at=0.0,\n"
        "    provider='p', account='a', method='GET', url='u', status=200, seconds=0.1))\n"
        "names = ('prometheus_client', 'sqlalchemy')\n"
        "print([one for one in names if one in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={}
    )
    assert done.stdout.strip() == "[]"


def test_it_needs_no_totals_and_so_no_download() -> None:
    assert PrometheusListener.needs_totals is False


def resource(name: str) -> str:
    return (files("batchyard_prometheus") / name).read_text("utf-8")


def expressions() -> list[str]:
    rules = [
        rule
        for group in yaml.safe_load(resource("alerts.yml"))["groups"]
        for rule in group["rules"]
    ]
    panels: list[dict[str, Any]] = json.loads(resource("dashboard.json"))["panels"]
    shown = [target["expr"] for panel in panels for target in panel["targets"]]
    return [*(rule["expr"] for rule in rules), *shown]


def known() -> set[str]:
    """The metrics that there are, by their names in the code."""
    source = resource("_families.py") + resource("collector.py") + resource("_counting.py")
    names = set(re.findall(r'"(batchyard_\w+)"', source))
    for name in re.findall(r'f"batchyard_\{by\}_(\w+)"', source):
        names |= {f"batchyard_{by}_{name}" for by in ("account", "model", "team")}
    return names


@pytest.mark.parametrize("expression", expressions())
def test_alerts_and_dashboard_ask_for_what_there_is(expression: str) -> None:
    promql_parser.parse(expression)
    for name in re.findall(r"batchyard_\w+", expression):
        assert name.removesuffix("_total").removesuffix("_bucket") in known()


def test_there_are_alerts_for_what_costs_money_in_silence() -> None:
    text = resource("alerts.yml")
    for alert in ("BatchyardStalled", "BatchyardUnpriced", "BatchyardDeadLetters"):
        assert f"alert: {alert}" in text


@pytest.mark.parametrize(
    ("name", "file"), [("alerts", "alerts.yml"), ("dashboard", "dashboard.json")]
)
def test_the_files_are_printed(name: str, file: str) -> None:
    assert CliRunner().invoke(command, [name]).output == resource(file)
