from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.registry.distributions import PROVIDER, Site

PLUGIN = {"group", "name", "value", "distribution", "version"}

COMMAND = """
import click

@click.command()
def hello():
    "Say hello."
    click.echo("hello")

other = 3
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Plugins that work, and plugins that do not."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    made = Site(folder)
    points = "hello = cmd_module:hello\nodd = cmd_module:other\nrun = cmd_module:other"
    made.add("cmd-pkg", {"commands": points}, {"cmd_module": COMMAND})
    made.add(
        "bad-pkg", {"commands": "bad = bad_module:main"}, {"bad_module": "raise SystemExit(9)"}
    )
    made.add("ear-pkg", {"listeners": "ear = ear_module:Ear"}, {"ear_module": "class Ear: pass"})
    made.provider(PROVIDER.replace('name = "acme"', 'name = "other"'))
    yield made
    for name in made.imported():
        del sys.modules[name]


def test_plugins_are_listed_and_described_without_importing_any(shell: Shell, site: Site) -> None:
    listed = shell.json("plugins", "list")["plugins"]
    assert all(set(one) == PLUGIN for one in listed)
    names = {(one["group"], one["name"]) for one in listed}
    assert {("commands", "bad"), ("listeners", "ear"), ("providers", "acme")} <= names
    rows = [line.split() for line in shell.done("plugins", "list").splitlines()]
    assert ["listeners", "ear", "ear-pkg", "1.2"] in rows
    (info,) = shell.json("plugins", "info", "bad")["plugins"]
    assert set(info) == PLUGIN | {"summary", "license", "requires"}
    assert info["value"] == "bad_module:main"
    by_package = shell.json("plugins", "info", "batchyard-openai")["plugins"]
    assert {one["group"] for one in by_package} == {"emulators", "providers"}
    assert "summary       OpenAI's batch API" in shell.done("plugins", "info", "openai")
    assert site.imported() == set()


def test_a_plugin_that_is_not_installed_is_answered_with_a_suggestion(shell: Shell) -> None:
    done = shell("plugins", "info", "opnai")
    assert done.exit_code == 1
    assert "did you mean 'openai'" in done.stderr


def test_the_doctor_says_which_plugin_cannot_be_used(shell: Shell, site: Site) -> None:
    answer = shell.json("plugins", "doctor", code=1)
    assert answer["ok"] is False
    said = {"ok", "problem", "warning", "contract", "hooks"}
    assert all(set(one) == PLUGIN | said for one in answer["plugins"])
    problems = {one["name"]: one["problem"] for one in answer["plugins"] if not one["ok"]}
    assert set(problems) == {"acme", "bad", "ear", "odd", "run"}
    assert "SystemExit: 9" in problems["bad"]
    assert "acme_module" in site.imported()
    assert "implements no hook" in problems["ear"]
    assert "not a click command" in problems["odd"]
    assert "calls itself 'other'" in problems["acme"]
    # how wide its columns are is a matter of what else is installed
    text = re.sub(" +", " ", shell.done("plugins", "doctor", code=1))
    assert "error commands bad (bad-pkg 1.2)" in text


def test_the_doctor_finds_nothing_where_nothing_is_wrong(shell: Shell) -> None:
    answer = shell.json("plugins", "doctor", BATCHYARD_PLUGINS="batchyard-openai")
    assert {one["problem"] for one in answer["plugins"]} == {None}
    assert answer["ok"] is True
    # what others bring is left out; our own prices, sinks and engine stay
    left = shell.json("plugins", "list", BATCHYARD_PLUGINS="")
    assert {one["distribution"] for one in left["plugins"]} == {"batchyard"}


@pytest.mark.usefixtures("site")
def test_a_plugins_command_runs_beside_our_own(shell: Shell) -> None:
    assert shell.done("hello") == "hello"
    assert "Run FILE" in shell.done("run", "--help")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("name", "message"),
    [("bad", "bad (bad-pkg 1.2) cannot be loaded"), ("odd", "is not a click command")],
)
def test_a_broken_command_breaks_only_itself(shell: Shell, name: str, message: str) -> None:
    done = shell(name)
    assert done.exit_code == 1
    assert message in done.stderr
    assert "Traceback" not in done.output
    assert "(plugin)" in shell.done("--help")
    assert shell("providers").exit_code == 0


def completed(site: Site, words: str) -> list[str]:
    done = subprocess.run(
        [Path(sys.executable).with_name("batchyard")],
        env={
            **os.environ,
            "PYTHONPATH": str(site.folder),
            "_BATCHYARD_COMPLETE": "bash_complete",
            "COMP_WORDS": f"batchyard {words}",
            "COMP_CWORD": str(len(words.split(" "))),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line.split(",")[1] for line in done.stdout.splitlines()]


def test_completion_offers_commands_of_broken_plugins_too(site: Site) -> None:
    assert completed(site, "ba") == ["bad", "batches"]
    assert completed(site, "files up") == ["upload"]
    assert "--account" in completed(site, "files upload --a")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(shell: Shell, name: str) -> None:
    script = shell.done("completion", name)
    assert f"_BATCHYARD_COMPLETE={name}_complete" in script
    if name == "bash":
        subprocess.run(["/bin/bash", "-n", "-c", script], check=True)


def test_a_shell_that_is_not_known_is_wrong_usage(shell: Shell) -> None:
    assert shell("completion", "tcsh").exit_code == 2


def test_a_plugin_is_switched_off_for_good_and_on_again(shell: Shell, site: Site) -> None:
    assert "off  listeners  ear (ear-pkg 1.2)" in shell.done("plugins", "disable", "ear")
    assert "ear" not in {one["name"] for one in shell.json("plugins", "list")["plugins"]}
    answer = shell.json("plugins", "doctor", code=1)
    assert [one["name"] for one in answer["off"]] == ["ear"]
    assert "ear" not in {one["name"] for one in answer["plugins"]}
    text = " ".join(shell.done("plugins", "doctor", code=1).split())
    assert "off listeners ear (ear-pkg 1.2)" in text
    assert shell.json("plugins", "disable", "ear")["plugins"] == []
    assert shell.json("plugins", "enable", "ear")["state"] == "on"
    assert "ear" in {one["name"] for one in shell.json("plugins", "list")["plugins"]}
    assert site.imported() >= {"acme_module"}


@pytest.mark.usefixtures("site")
def test_only_what_there_is_can_be_switched(shell: Shell) -> None:
    assert "did you mean 'ear'" in shell("plugins", "disable", "eer").stderr
    assert "no plugin 'ear' is switched off" in shell("plugins", "enable", "ear").stderr
    by_variable = shell("plugins", "enable", "ear", BATCHYARD_PLUGINS_OFF="ear")
    assert by_variable.exit_code == 1
    assert "BATCHYARD_PLUGINS_OFF" in by_variable.stderr
    whole = shell("plugins", "disable", "batchyard")
    assert whole.exit_code == 1
    assert "batchyard as a whole cannot be switched off" in whole.stderr
    assert shell.json("plugins", "disable", "Ear_Pkg")["plugins"][0]["name"] == "ear"
    assert shell.json("plugins", "enable", "ear-pkg")["plugins"][0]["name"] == "ear"


def test_the_doctor_survives_a_plugin_that_ends_the_process(shell: Shell, site: Site) -> None:
    ear = "class Ear:\n    def __init__(self):\n        raise SystemExit(4)\n"
    site.add("exit-pkg", {"listeners": "exit = exit_module:Ear"}, {"exit_module": ear})
    found = shell.json("plugins", "doctor", code=1)["plugins"]
    problems = {one["name"]: one["problem"] for one in found}
    assert "exit (exit-pkg 1.2) cannot be made: SystemExit: 4" in problems["exit"]


def test_the_doctor_shows_contract_hooks_and_two_of_a_name(shell: Shell, site: Site) -> None:
    hooks = "from batchyard.hookspecs import hookimpl\n\nclass Gate:\n    contract = '>=1.0,<2'\n"
    sound = hooks + "    @hookimpl\n    def check_batch(self, batch):\n        return None\n"
    odd = hooks + "    @hookimpl\n    def check_batches(self, batch):\n        return None\n"
    site.add("gate-pkg", {"gates": "sound = gate_one:Gate"}, {"gate_one": sound})
    site.add("odd-pkg", {"gates": "odd = gate_two:Gate\ntwin = gate_two:Gate"}, {"gate_two": odd})
    site.add("twin-pkg", {"gates": "twin = gate_one:Gate"}, {})
    found = shell.json("plugins", "doctor", code=1)["plugins"]
    gates = {one["name"]: one for one in found if one["group"] == "gates"}
    assert gates["sound"]["contract"] == ">=1.0,<2"
    assert gates["sound"]["hooks"] == ["check_batch"]
    assert gates["sound"]["ok"]
    assert "did you mean 'check_batch'" in gates["odd"]["problem"]
    assert "2 packages claim gate 'twin'" in gates["twin"]["problem"]


def test_a_new_plugin_is_a_project(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    answer = shell.json("plugins", "new", "table", "--kind", "sink", "--into", folder)
    assert all(Path(one).is_file() for one in answer["files"])
    again = shell("plugins", "new", "table", "--kind", "sink", "--into", folder)
    assert again.exit_code == 1
    assert "is not empty" in again.stderr
    assert shell("plugins", "new", "a-b", "--kind", "sink").exit_code == 1
    said = shell.done("plugins", "new", "table", "--kind", "sink", "--into", tmp_path / "a b")
    assert f"cd '{tmp_path / 'a b'}'" in said
