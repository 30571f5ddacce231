"""A plugin of every kind, installed from a wheel, does its work through public API."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from batchyard.registry import GROUPS
from tests.plugins.conftest import SOURCE, Installed
from tests.registry.distributions import Site

LISTED = """
import json
from batchyard.registry import GROUPS, Registry
registry = Registry()
found = {}
for group in GROUPS:
    infos = [info for info in registry.installed(group) if info.name == "everything"]
    loaded = registry.load(group, "everything")
    found[group] = [f"{infos[0]} x{len(infos)}", getattr(loaded, "__module__", "")]
print(json.dumps(found))
"""

BATCH = """
import json, os
from batchyard import Client
from batchyard.registry import Registry
from everything.listener import Ear
from everything.middleware import Timing

lines = b"".join(
    json.dumps({
        "custom_id": name,
        "method": "POST",
        "url": "/v1/responses",
        "body": {"model": "m", "input": "x"},
    }).encode() + b"\\n"
    for name in ("a", "b")
)
emulator = Registry().load("emulators", "everything")()
with emulator.serve() as server:
    os.environ |= emulator.environment(server.url)
    with Client("everything") as client:
        file = client.files.create(lines, filename="in.jsonl")
        batch = client.batches.wait(client.batches.create(file, "/v1/responses"))
        results = [one.custom_id for one in client.batches.results(batch)]
        stored = client.files.content(file).read()
print(json.dumps({
    "status": batch.status,
    "results": results,
    "same": stored == lines,
    "heard": [[one.type, one.provider] for one in Ear.heard],
    "tokens": Ear.heard[-1].totals.usage.total_tokens,
    "timed": Timing.timed,
    "requests": sorted({one.method for one in emulator.requests}),
}))
"""

NAMED = """
import asyncio, json
from batchyard.hookspecs import GateLine
from batchyard.models import Event, BatchRequest, Ref
from batchyard.registry import Registry

registry = Registry()
event = Event(hook="batch_created", at=0.0, provider="p", account="a")
asyncio.run(registry.plugin("sinks", "everything", PATH).deliver(event))

gate = registry.plugin("gates", "everything")
verdicts = gate.check_lines([GateLine(1, "a", b"{}"), GateLine(2, "b", b"secret")])
asked = gate.check_batch(BatchRequest(Ref("f"), "/v1/responses", models=("m",)))

prices = registry.plugin("prices", "everything")
rates = prices.rates("m", "everything", None, "batch", 7.0)
none = prices.rates("m", "another", None, "batch", 0.0)

advanced = []
async def advance(one):
    advanced.append(one)
registry.plugin("engines", "everything").dispatch(["job-1", "job-2"], advance)

print(json.dumps({
    "verdicts": [one.action for one in (*verdicts, asked)],
    "rates": [str(rates.output), rates.source, none],
    "advanced": advanced,
}))
"""


def test_the_distribution_has_a_plugin_of_every_group() -> None:
    text = (SOURCE / "pyproject.toml").read_text("utf-8")
    assert [group for group in GROUPS if f'"batchyard.{group}"' not in text] == []


def test_every_group_lists_and_loads_it(everything: Installed) -> None:
    found: dict[str, Any] = everything.script(LISTED)
    assert {listed for listed, _ in found.values()} == {"everything (batchyard-everything 0.3) x1"}
    assert set(found) == set(GROUPS)
    assert {module.partition(".")[0] for _, module in found.values()} <= {"everything", "click"}


def test_provider_emulator_listener_and_middleware_do_a_batch_together(
    everything: Installed,
) -> None:
    assert everything.script(BATCH) == {
        "status": "completed",
        "results": ["a", "b"],
        "same": True,
        "heard": [["acreate_batch", "everything"], ["batch_success", "everything"]],
        "tokens": 14,
        "timed": ["batch-1 of /v1/responses took some time"],
        "requests": ["GET", "POST", "PUT"],
    }


def test_sink_gate_prices_and_engine_are_made_by_name_and_called(
    everything: Installed, tmp_path: Path
) -> None:
    path = tmp_path / "events.txt"
    assert everything.script(f"PATH = {str(path)!r}\n{NAMED}") == {
        "verdicts": ["keep", "refuse", "refuse"],
        "rates": ["0.2", "m at 7", None],
        "advanced": ["job-1", "job-2"],
    }
    assert path.read_text() == "acreate_batch\n"


def test_the_command_is_in_the_help_and_runs(everything: Installed) -> None:
    assert re.search(r"everything +\(plugin\)", everything.command("--help").stdout)
    done = everything.command("everything")
    assert (done.returncode, done.stdout) == (0, "hello from a plugin\n")
    own_help = everything.command("everything", "--help").stdout
    assert "Say hello." in own_help
    failed = everything.command("everything", "--fail")
    assert (failed.returncode, failed.stderr) == (1, "Error: everything is not configured\n")


def test_the_provider_is_listed_and_the_emulator_has_its_command(everything: Installed) -> None:
    listed = json.loads(everything.command("providers", "--json").stdout)["providers"]
    wanted = {"name": "everything", "distribution": "batchyard-everything", "version": "0.3"}
    assert wanted in listed
    quirks = everything.command("emulate", "everything", "--quirk", "list")
    assert quirks.stdout.split(maxsplit=1) == ["mute", "says nothing\n"]


@pytest.mark.parametrize(("limit", "there"), [("", False), ("batchyard-everything", True)])
def test_the_variable_limits_the_command_line_too(
    everything: Installed, limit: str, *, there: bool
) -> None:
    done = everything.command("--help", BATCHYARD_PLUGINS=limit)
    assert ("everything" in done.stdout) is there


class TestBrokenCommands:
    @pytest.fixture
    def broken(self, tmp_path: Path) -> Installed:
        site = Site(tmp_path)
        points = "broken = broken_module:command\nnumber = number_module:command"
        modules = {"broken_module": "import no_such_thing", "number_module": "command = 7"}
        site.add("broken-pkg", {"commands": points}, modules)
        for distribution in ("one-pkg", "two-pkg"):
            site.add(distribution, {"commands": "twin = broken_module:command"}, {})
        return Installed((tmp_path,))

    def test_leave_the_help_and_other_commands_alone(self, broken: Installed) -> None:
        helped = broken.command("--help")
        assert (helped.returncode, helped.stderr) == (0, "")
        assert "broken" in helped.stdout
        listed = broken.command("providers")
        assert (listed.returncode, listed.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            (
                "broken",
                (
                    "command broken (broken-pkg 1.2) cannot be loaded from broken_module:command: "
                    "ModuleNotFoundError: No module named 'no_such_thing'"
                ),
            ),
            (
                "twin",
                "2 packages claim command 'twin': one-pkg 1.2 and two-pkg 1.2; uninstall one,",
            ),
            ("number", "the plugin command 'number' is not a click command"),
        ],
    )
    def test_say_what_is_wrong_when_they_are_called(
        self, broken: Installed, name: str, message: str
    ) -> None:
        done = broken.command(name)
        assert done.returncode == 1
        assert done.stderr.startswith(f"Error: {message}")
        assert "Traceback" not in done.stderr
