"""What users can name is in the documentation."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

import batchyard
from batchyard import client, errors, functions, hookspecs, models
from batchyard.cli import _failures
from batchyard.registry import GROUPS, LIMIT, Registry
from batchyard_openai.emulator import OpenAIEmulator
from tests.docs.pages import DOCS, PAGES, ROOT, text_of

SPECS = [
    hookspecs.ProviderSpec,
    hookspecs.ListenerSpec,
    hookspecs.SinkSpec,
    hookspecs.GateSpec,
    hookspecs.PriceSpec,
    hookspecs.EngineSpec,
]
CLIENTS = [client.Client, client.Files, client.Batches]
STREAMS = [client.Content, client.Pager, client.Results]


def read(name: str) -> str:
    return text_of(DOCS / name)


def public(cls: type) -> Iterator[tuple[str, object]]:
    return ((name, one) for name, one in vars(cls).items() if not name.startswith("_"))


def missing(names: list[str], page: str) -> list[str]:
    text = read(page)
    return [name for name in names if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.reference", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"run python -m scripts.reference\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: str(spec.__name__))
def test_every_hook_is_documented_with_its_arguments(spec: type) -> None:
    text = read("reference/hooks.md")
    for name, hook in public(spec):
        assert callable(hook)
        assert f"### `{name}`" in text
        arguments = [one for one in inspect.signature(hook).parameters if one != "self"]
        shown = re.search(rf"^{name}\((.*?)\) ->", text, re.MULTILINE | re.DOTALL)
        assert shown is not None
        assert re.findall(r"(?:^|[(,\s])(\w+):", shown[1]) == arguments


def test_every_event_is_documented() -> None:
    names = [name for name, _ in public(hookspecs.ListenerSpec)]
    assert missing(names, "reference/events.md") == []


def test_every_error_is_in_the_reference_and_has_advice() -> None:
    names = [
        name
        for name in errors.__all__
        if inspect.isclass(getattr(errors, name))
        and issubclass(getattr(errors, name), errors.BatchyardError)
    ]
    assert missing(names, "reference/errors.md") == []
    assert missing(names, "errors.md") == []


def test_what_the_docs_say_of_retrying_is_true() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", read("errors.md"), re.MULTILINE)
    said = {name: answer == "yes" for name, answer in rows}
    assert said == {name: getattr(errors, name).default_retryable for name in said}


def test_every_outcome_is_documented() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", read("results.md"), re.MULTILINE)
    assert rows == list(models.OUTCOMES)


def test_every_model_is_documented() -> None:
    data = [name for name in models.__all__ if name != "Outcome"]
    events = {"Event", "FileEvent", "BatchEvent", "RequestEvent"}
    assert missing(sorted(events), "reference/events.md") == []
    assert missing([name for name in data if name not in events], "reference/models.md") == []


def test_every_public_method_of_the_clients_is_documented() -> None:
    prefixes = {"Client": "client", "Files": "client.files", "Batches": "client.batches"}
    names = [
        f"{prefixes.get(cls.__name__, cls.__name__.lower())}.{name}"
        for cls in [*CLIENTS, *STREAMS]
        for name, one in public(cls)
        if inspect.isfunction(one)
    ]
    assert missing(names, "reference/client.md") == []
    assert missing(client.__all__, "reference/client.md") == ["file_marker"]


def test_every_function_is_documented() -> None:
    own = [name for name in batchyard.__all__ if inspect.isfunction(getattr(batchyard, name))]
    assert missing(own, "reference/functions.md") == []
    assert missing(own, "from-litellm.md") == []
    assert missing(functions.__all__, "reference/functions.md") == []


def test_every_public_name_is_somewhere_in_the_docs() -> None:
    text = "".join(text_of(page) for page in PAGES)
    assert [name for name in batchyard.__all__ if name not in text] == []


@pytest.mark.parametrize("name", [info.name for info in Registry({}).installed("providers")])
def test_every_setting_of_a_provider_is_documented(name: str) -> None:
    provider = Registry({}).provider(name)
    section = read("reference/settings.md").partition(f"## `{provider.name}`")[2]
    shown = re.findall(r"^\| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE)
    assert shown == list(provider.Settings.model_fields)


def test_every_exit_code_is_documented() -> None:
    codes = [value for name, value in vars(_failures).items() if name.startswith("EXIT_")]
    shown = re.findall(r"^\| (\d+) \|", read("cli.md"), re.MULTILINE)
    assert set(map(int, shown)) == {0, 2, *codes}


def test_every_kind_of_plugin_and_what_limits_them_is_documented() -> None:
    assert missing([f"batchyard.{group}" for group in GROUPS], "reference/hooks.md") == []
    assert missing([LIMIT], "configuration.md") == []


def test_the_faults_and_quirks_that_the_docs_show_are_known() -> None:
    emulator = OpenAIEmulator()
    rows = re.findall(r"^\| `([a-z]+)`", read("test-your-pipeline.md"), re.MULTILINE)
    for action in (row for row in rows if row != "truncate"):
        emulator.faults.add(f"GET /v1/files {action}")
    assert rows
