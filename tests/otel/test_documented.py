from __future__ import annotations

import re
from pathlib import Path

import pytest

from batchyard.config import load, resolve_sinks
from batchyard.registry import Registry
from batchyard_otel import OtelSettings

PAGE = Path("docs/opentelemetry.md").read_text("utf-8")


def blocks() -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks(), ids=lambda text: text.split("\n")[0])
def test_each_backend_is_configured_as_the_page_says(text: str, tmp_path: Path) -> None:
    path = tmp_path / "batchyard.toml"
    path.write_text(text)
    registry = Registry(dict.fromkeys(re.findall(r"env:(\w+)", text), "Basic abc"))
    (sink,) = resolve_sinks(registry, load(registry.environ, path))
    assert isinstance(sink.settings, OtelSettings)
    assert sink.settings.endpoint


def test_the_backends_that_are_promised_are_shown() -> None:
    for name in ("Langfuse", "Phoenix", "Datadog", "Honeycomb", "Grafana", "MLflow", "Sentry"):
        assert f"**{name}" in PAGE


def test_the_page_lists_every_setting() -> None:
    for name in OtelSettings.model_fields:
        assert f"`{name}`" in PAGE
