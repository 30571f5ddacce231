"""What holds for every command: help, options, pipes, and a lean start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from batchyard.cli import main
from batchyard.cli._group import COMMANDS
from tests.cli.shell import Shell
from tests.client.requests import chat_lines


def commands() -> Iterator[tuple[str, click.Command]]:
    """Each of our commands that does something, by what is typed."""
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", one) for sub, one in command.commands.items())
        else:
            yield name, command


EVERY = dict(commands())

WITHOUT_PROVIDER = {
    *("completion", "conformance", "emulate", "providers"),
    *("plugins disable", "plugins doctor", "plugins enable", "plugins info", "plugins list"),
    *("plugins new", "sinks backlog", "sinks list", "sinks pause", "sinks resume"),
    *("keys create", "keys list", "keys revoke", "keys rotate", "config from-litellm"),
    *("ledger migrate", "ledger parked", "ledger status", "ledger unpark"),
    *("reprice", "serve", "usage", "worker"),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_command_and_option_has_help(name: str) -> None:
    command = EVERY[name]
    assert command.help
    assert command.short_help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
        else:
            assert str(option.name).upper().removesuffix("S") in command.help


@pytest.mark.parametrize("name", EVERY)
def test_the_same_options_are_everywhere(name: str) -> None:
    options = {one for option in EVERY[name].params for one in option.opts}
    assert "--debug" in options
    assert ("--json" in options) == (name not in {"completion", "serve"})
    assert ({"--account", "--provider", "--config"} <= options) == (name not in WITHOUT_PROVIDER)


def test_the_help_of_the_groups_is_that_of_the_commands() -> None:
    for name, (_, text) in COMMANDS.items():
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert command.short_help == text


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = "from batchyard.cli import main; main(['--help'], standalone_mode=False)"
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.splitlines()[-1].split())
    assert {"httpx", "pydantic_settings", "rich", "batchyard.client"} & modules == set()


def test_a_pipe_that_is_closed_ends_it_quietly(shell: Shell) -> None:
    file_id = shell.done("files", "upload", shell.file(chat_lines(3000)))
    for command in (["files", "content", file_id], ["validate", "in.jsonl", "--json"]):
        process = shell.started(*command)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        process.stderr.close()
        assert process.wait() in {0, 1}
        assert said == ""


def test_without_a_terminal_there_are_no_colours_and_no_bars(shell: Shell) -> None:
    path = shell.file(chat_lines(2))
    process = shell.started("run", path)
    out, err = process.communicate()
    assert process.returncode == 0
    assert "\x1b" not in out + err
    assert "completed: 2 of 2 done" in err


def test_the_emulator_says_where_it_is_as_json(shell: Shell) -> None:
    process = shell.started("emulate", "openai", "--json")
    assert process.stdout is not None
    answer = json.loads(process.stdout.readline())
    process.terminate()
    process.communicate()
    assert set(answer) == {"url", "environment"}
    assert answer["environment"]["OPENAI_BASE_URL"].startswith(answer["url"])
    quirks = shell.json("emulate", "openai", "--quirk", "list")["quirks"]
    assert all(set(one) == {"name", "description"} for one in quirks)


def test_providers_as_json_can_be_counted_on(shell: Shell) -> None:
    found = shell.json("providers")["providers"]
    assert "openai" in {one["name"] for one in found}
    assert all(set(one) == {"name", "distribution", "version"} for one in found)
