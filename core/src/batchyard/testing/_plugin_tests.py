"""What is asked of a plugin of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from batchyard.registry import LIMIT, Registry, declared
from batchyard.testing._secrecy import PIECE, check_text, secrets_in

__all__ = ["PluginTests", "check_overrides"]


class PluginTests:
    """A plugin by the name of its entry point, and the settings that it is made with.

    Give credentials among the settings values that cannot occur by chance, since
    they are looked for in errors, reprs and logs.
    """

    group: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}

    @property
    def plugin_name(self) -> str:
        """The entry point's name: the suite calls the attribute by the plugin's kind."""
        name: str = getattr(self, _ATTRIBUTES[self.group])
        return name

    def prepare(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Override it to put what the plugin needs into *folder*, or into variables."""

    def settings_in(self, folder: Path) -> Mapping[str, Any]:  # noqa: ARG002 - for those who override it
        """The settings; override it for those that name a place in *folder*."""
        return self.settings

    @pytest.fixture(autouse=True)
    def prepared(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        self.prepare(tmp_path, monkeypatch)

    @property
    def registry(self) -> Registry:
        """A registry for which nothing but the plugin is installed."""
        return Registry({LIMIT: self.plugin_name})

    def secrets(self, folder: Path) -> list[str]:
        loaded = self.registry.load(self.group, self.plugin_name)
        model = getattr(loaded, "Settings", None)
        made = model(**self.settings_in(folder)) if model is not None else None
        found = [one for one in secrets_in(made) if one]
        if any(len(one) < PIECE for one in found):
            raise AssertionError(
                f"give secrets of {PIECE} characters: shorter ones occur by chance"
            )
        return found

    def test_it_says_which_contract_it_is_written_for(self) -> None:
        loaded = self.registry.load(self.group, self.plugin_name)
        if declared(loaded) is None:
            raise AssertionError(
                f'{self.plugin_name} lacks contract = ">=1.0,<2", so nobody will be told why '
                "it does not fit a later batchyard"
            )

    def check_repr(self, folder: Path, *made: object) -> None:
        """Refuse objects that show a secret."""
        for one in made:
            for text in (repr(one), str(one)):
                check_text(f"the repr of {type(one).__name__}", text, self.secrets(folder))


_ATTRIBUTES = {"gates": "gate", "listeners": "listener", "prices": "source", "sinks": "sink"}


def check_overrides(own: type, suite: type) -> None:
    """Refuse tests of a suite that are overridden without being expected failures."""
    named = {
        f"{cls.__name__}.{name}"
        for cls in own.__mro__
        if not issubclass(suite, cls)
        for name, value in vars(cls).items()
        if name.startswith(("test_", "pytest_", "_")) and not name.startswith("__")
        if hasattr(suite, name) and not _expected_to_fail(value)
    }
    if named:
        raise AssertionError(
            f"{', '.join(sorted(named))}: override a test of the suite only with "
            "pytest.mark.xfail and a reason"
        )


def _expected_to_fail(test: Any) -> bool:
    marks = list(getattr(test, "pytestmark", []))
    for one in [mark for mark in marks if mark.name == "parametrize"]:
        # some of what it is tried with is expected to fail, and the rest is not
        marks += [mark for values in one.args[1] for mark in getattr(values, "marks", ())]
    return any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
