"""The two pages on the command line and the configuration name all there is."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from batchyard.cli import _failures
from tests.cli.test_every_command import EVERY

ROOT = Path(__file__).parents[2]
CLI = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EVERY)
def test_every_command_has_an_example_and_every_option_is_named(name: str) -> None:
    group = name.split(" ", maxsplit=1)[0]
    section = re.search(rf"^## {group}\n(.*?)(?=^## |\Z)", CLI, re.MULTILINE | re.DOTALL)
    assert section is not None
    assert f"batchyard {name}" in section[1]
    everywhere = CLI.split("## run\n", maxsplit=1)[0]
    for option in EVERY[name].params:
        if isinstance(option, click.Option):
            for spelling in option.opts:
                assert re.search(rf"`{spelling}[` ]", section[1] + everywhere), spelling


def test_every_exit_code_is_documented() -> None:
    codes = {value for name, value in vars(_failures).items() if name.startswith("EXIT_")}
    assert codes == {1, 3, 130}
    for code in codes | {0, click.UsageError.exit_code}:
        assert f"\n| {code} | " in CLI


def test_every_variable_and_setting_is_documented() -> None:
    sources = [path.read_text("utf-8") for path in ROOT.glob("core/src/batchyard/**/*.py")]
    variables = set(re.findall(r'"(BATCHYARD_[A-Z_]*[A-Z])"', "\n".join(sources)))
    assert {"BATCHYARD_CONFIG", "BATCHYARD_PLUGINS"} <= variables
    for variable in variables:
        assert f"`{variable}`" in CONFIGURATION
    for setting in ("`default_account`", "`accounts.NAME.provider`", "`BATCHYARD_DEFAULT_ACCOUNT`"):
        assert setting in CONFIGURATION
