from __future__ import annotations

import os
from pathlib import Path

import pytest

from batchyard.config import find_file, load
from batchyard.errors import ConfigError
from tests.config.conftest import Desk


def test_without_a_file_there_is_none(desk: Desk) -> None:
    assert find_file({}) is None
    assert load({"HOME": str(desk.folder)}).names == ()


def test_what_is_named_wins_over_what_is_found(desk: Desk) -> None:
    given = desk.write("", "given.toml")
    named = desk.write("", "named.toml")
    here = desk.write("")
    users = desk.write("", "xdg/batchyard/batchyard.toml")
    environ = {"BATCHYARD_CONFIG": str(named), "XDG_CONFIG_HOME": str(desk.folder / "xdg")}
    assert find_file(environ, given) == given
    assert find_file(environ) == named
    del environ["BATCHYARD_CONFIG"]
    assert find_file(environ) == Path("batchyard.toml")
    here.unlink()
    assert find_file(environ) == users


def test_the_users_folder_is_in_the_home_folder_without_xdg(desk: Desk) -> None:
    users = desk.write("", "home/.config/batchyard/batchyard.toml")
    home = {"HOME": str(desk.folder / "home")}
    assert find_file(home) == users
    assert find_file({**home, "XDG_CONFIG_HOME": "relative"}) == users
    assert find_file({**home, "XDG_CONFIG_HOME": str(desk.folder)}) is None


def test_only_one_file_is_read(desk: Desk) -> None:
    desk.write('[accounts.mine]\nprovider = "acme"', "home/.config/batchyard/batchyard.toml")
    desk.write('[accounts.here]\nprovider = "acme"')
    assert load({"HOME": str(desk.folder / "home")}).names == ("here",)


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_a_file_that_was_named_must_be_there(desk: Desk, by: str) -> None:
    path = desk.folder / "none.toml"
    with pytest.raises(ConfigError, match=r"there is no configuration file .*none\.toml") as caught:
        load({"BATCHYARD_CONFIG": str(path)}) if by == "variable" else load({}, path)
    assert ("BATCHYARD_CONFIG" in str(caught.value)) is (by == "variable")


def test_the_null_device_is_no_file(desk: Desk) -> None:
    desk.write("[accounts.here]")
    assert load({"BATCHYARD_CONFIG": os.devnull}).names == ()
    assert load({"BATCHYARD_CONFIG": ""}).names == ("here",)
