"""What is switched off stays off, whoever asks for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchyard.errors import ConfigError, UnknownPluginError
from batchyard.registry import OFF, Registry, Switches
from tests.registry.distributions import PROVIDER, Site

EAR = """
from batchyard.hookspecs import hookimpl

class Ear:
    @hookimpl
    def batch_created(self, event):
        pass
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """An environment, with a provider and a listener of one name installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    site = Site(folder)
    site.provider(PROVIDER)
    site.add("ear-pkg", {"listeners": "acme = ear_module:Ear"}, {"ear_module": EAR})
    yield {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    for name in site.imported():
        del sys.modules[name]


def names(environ: dict[str, str], group: str) -> set[str]:
    return {one.name for one in Registry(environ).installed(group)}


@pytest.mark.parametrize(
    ("entry", "provider", "listener"),
    [
        ("acme", False, False),
        ("providers:acme", False, True),
        ("listeners:acme", True, False),
        ("Ear_Pkg", True, False),
        ("another", True, True),
        ("batchyard", True, True),
    ],
)
def test_a_name_a_package_or_one_of_a_kind_is_off(
    home: dict[str, str], entry: str, *, provider: bool, listener: bool
) -> None:
    Switches(home).add(entry)
    assert ("acme" in names(home, "providers")) is provider
    assert ("acme" in names(home, "listeners")) is listener
    assert "account" in names(home, "prices")


def test_the_variable_does_the_same_for_one_process(home: dict[str, str]) -> None:
    assert "acme" not in names({**home, OFF: "other, acme"}, "providers")
    assert "acme" in names(home, "providers")


def test_who_asks_for_it_is_told_that_it_is_off(home: dict[str, str]) -> None:
    Switches(home).add("acme")
    with pytest.raises(UnknownPluginError, match="is switched off; try: batchyard plugins enable"):
        Registry(home).provider("acme")
    assert "acme_module" not in sys.modules


def test_it_can_be_switched_on_again_and_others_stay_off(home: dict[str, str]) -> None:
    switches = Switches(home)
    switches.add("acme")
    switches.add("other")
    path = switches.add("other")
    switches.remove(["acme"])
    assert switches.off == ("other",)
    assert [one for one in path.read_text().splitlines() if one[0] != "#"] == ["other"]
    assert list(path.parent.iterdir()) == [path]


def test_however_it_was_spelled_it_is_the_same_entry(home: dict[str, str]) -> None:
    switches = Switches(home)
    switches.add("Ear_Pkg")
    assert "ear-pkg" in switches
    switches.remove(["ear.pkg"])
    assert switches.off == ()
    assert "acme" in names(home, "listeners")


def test_a_file_that_cannot_be_read_loads_nothing_that_may_be_off(home: dict[str, str]) -> None:
    path = Switches(home).add("acme")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot read which plugins are off"):
        Registry(home)


def test_without_a_home_there_is_the_variable(home: dict[str, str]) -> None:
    del home["XDG_CONFIG_HOME"]
    assert "acme" in names(home, "providers")
    with pytest.raises(ConfigError, match=f"set {OFF} instead"):
        Switches(home).add("acme")
