"""What the pages and the packages' READMEs say can be configured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from batchyard.config import load, resolve_sinks
from batchyard.registry import Registry

SINKS = ("langfuse", "objectstore", "otel", "sql")

PAGES = [Path("docs/exporters.md"), *(Path("plugins", name, "README.md") for name in SINKS)]

TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[object]:
    return [
        pytest.param(text, id=f"{page.parent.name}-{number}")
        for page in PAGES
        for number, text in enumerate(TOML.findall(page.read_text("utf-8")))
    ]


@pytest.mark.parametrize("text", blocks())
def test_what_is_shown_is_a_sink(text: str, tmp_path: Path) -> None:
    path = tmp_path / "batchyard.toml"
    path.write_text(text)
    variables = dict.fromkeys(re.findall(r"env:(\w+)", text), "postgresql://host/costs")
    registry = Registry(variables)
    (sink,) = resolve_sinks(registry, load(registry.environ, path))
    assert registry.sink(sink.sink, sink.settings).takes_lines or not sink.lines


@pytest.mark.parametrize("name", SINKS)
def test_every_setting_is_in_the_readme(name: str) -> None:
    text = Path("plugins", name, "README.md").read_text("utf-8")
    if name == "otel":
        text += Path("docs/opentelemetry.md").read_text("utf-8")
    for setting in Registry({}).load("sinks", name).Settings.model_fields:
        assert f"`{setting}`" in text


def test_every_metric_is_in_the_readme() -> None:
    package = Path("plugins/prometheus")
    text = (package / "README.md").read_text("utf-8")
    code = "".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    for name in set(re.findall(r'"(batchyard_\w+)"', code)) - {"batchyard_prometheus"}:
        assert name in text, name
