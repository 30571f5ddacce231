from __future__ import annotations

import re
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

PACKAGES = {
    "core": "batchyard",
    "anthropic": "batchyard_anthropic",
    "azure": "batchyard_azure",
    "gemini": "batchyard_gemini",
    "langfuse": "batchyard_langfuse",
    "litellm": "batchyard_litellm",
    "objectstore": "batchyard_objectstore",
    "openai": "batchyard_openai",
    "otel": "batchyard_otel",
    "prometheus": "batchyard_prometheus",
    "sql": "batchyard_sql",
    "vertex": "batchyard_vertex",
    "webhook": "batchyard_webhook",
}


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def of_dist_info(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        (member,) = [n for n in archive.namelist() if n.endswith(f".dist-info/{name}")]
        return archive.read(member).decode()


def metadata(wheel: Path) -> Message:
    return message_from_string(of_dist_info(wheel, "METADATA"))


@pytest.fixture(params=PACKAGES)
def folder(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def wheel(wheels: dict[str, Path], folder: str) -> Path:
    return wheels[folder]


def test_a_wheel_holds_its_package_and_nothing_else(wheel: Path, folder: str) -> None:
    package = PACKAGES[folder]
    tops = {name.split("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {package}
    assert len(tops) == 2


def test_a_wheel_says_that_it_is_typed_and_brings_its_licence(wheel: Path, folder: str) -> None:
    assert f"{PACKAGES[folder]}/py.typed" in names(wheel)
    assert "Permission is hereby granted" in of_dist_info(wheel, "licenses/LICENSE")
    assert metadata(wheel)["License-Expression"] == "MIT"


def test_a_wheel_brings_no_tests_and_no_caches(wheel: Path) -> None:
    unwanted = re.compile(r"(^|/)(tests?|conftest\.py|__pycache__)(/|$)|/test_[^/]*\.py$")
    assert [name for name in names(wheel) if unwanted.search(name)] == []


def test_a_wheel_installs_on_the_pythons_we_promise(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    assert metadata(wheel)["Requires-Python"] == ">=3.11"


def test_a_wheel_describes_itself(wheel: Path) -> None:
    described = metadata(wheel)
    assert described["Summary"]
    assert described["Description-Content-Type"] == "text/markdown"
    assert len(str(described.get_payload())) > 100


def test_core_brings_the_command_and_needs_no_provider(wheels: dict[str, Path]) -> None:
    assert "batchyard = batchyard.cli:main" in of_dist_info(wheels["core"], "entry_points.txt")
    needs = metadata(wheels["core"]).get_all("Requires-Dist") or []
    own_extras = [need for need in needs if need.startswith("batchyard[")]
    assert [n for n in needs if n.startswith(("batchyard", "openai"))] == own_extras


PROVIDERS = {
    "anthropic": "Anthropic",
    "azure": "Azure",
    "gemini": "Gemini",
    "openai": "OpenAI",
    "vertex": "Vertex",
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_is_found_by_its_entry_points(wheels: dict[str, Path], name: str) -> None:
    points = of_dist_info(wheels[name], "entry_points.txt")
    provider = rf"{name} = batchyard_{name}:{PROVIDERS[name]}\n"
    assert re.search(rf"\[batchyard\.providers\]\n{provider}", points)
    assert re.search(rf"\[batchyard\.emulators\]\n(?:.+\n)*{name} = batchyard_{name}\.", points)


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("anthropic", set()),
        ("azure", set()),
        ("gemini", set()),
        ("openai", set()),
        ("vertex", {"google-auth"}),
    ],
)
def test_a_provider_needs_core_and_no_vendors_sdk(
    wheels: dict[str, Path], name: str, others: set[str]
) -> None:
    needs = metadata(wheels[name]).get_all("Requires-Dist") or []
    always = {re.split(r"[^\w-]", need)[0] for need in needs if "extra ==" not in need}
    assert always == {"batchyard", *others}


SINKS = {
    "langfuse": "LangfuseSink",
    "litellm": "LiteLLM",
    "objectstore": "ObjectStoreSink",
    "otel": "OtelSink",
    "sql": "SqlSink",
    "webhook": "Webhook",
}


@pytest.mark.parametrize("name", SINKS)
def test_a_sink_is_found_by_its_entry_point(wheels: dict[str, Path], name: str) -> None:
    points = of_dist_info(wheels[name], "entry_points.txt")
    assert f"[batchyard.sinks]\n{name} = batchyard_{name}:{SINKS[name]}\n" in points


@pytest.mark.parametrize(
    ("name", "extra", "driver"),
    [
        ("objectstore", "parquet", "pyarrow"),
        ("sql", "postgres", "psycopg"),
        ("sql", "duckdb", "duckdb"),
    ],
)
def test_what_is_heavy_is_an_extra(
    wheels: dict[str, Path], name: str, extra: str, driver: str
) -> None:
    needs = [one for one in metadata(wheels[name]).get_all("Requires-Dist") or [] if driver in one]
    assert [re.search("extra == .(\\w+)", need) is not None for need in needs] == [True]
    assert extra in needs[0]


def test_alerts_and_dashboard_come_in_the_wheel(wheels: dict[str, Path]) -> None:
    inside = names(wheels["prometheus"])
    for file in ("alerts.yml", "dashboard.json"):
        assert f"batchyard_prometheus/{file}" in inside
