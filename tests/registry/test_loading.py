"""A plugin that cannot be used is named with its distribution, and stops no other."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from batchyard.errors import (
    ConfigError,
    PluginContractError,
    PluginError,
    PluginLoadError,
)
from batchyard.registry import LIMIT, Registry
from tests.registry.distributions import PROVIDER, Site

SECRET = "sk-SECRET-0123456789"

UNLOADABLE = {
    "import error": (
        "import no_such_thing",
        "ModuleNotFoundError: No module named 'no_such_thing'",
    ),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "syntax": ("def", "SyntaxError: invalid syntax (acme_module.py, line 1)"),
    "assertion": ("assert 1 == 2, 'no'", "AssertionError: no"),
    "absent": ("", "AttributeError: module 'acme_module' has no attribute 'Acme'"),
}


@pytest.mark.parametrize(("source", "why"), UNLOADABLE.values(), ids=list(UNLOADABLE))
def test_what_goes_wrong_at_import_is_told_with_its_distribution(
    site: Site, source: str, why: str
) -> None:
    site.provider(source)
    with pytest.raises(PluginLoadError) as caught:
        Registry({}).account("acme")
    assert str(caught.value) == (
        f"provider acme (acme-pkg 1.2) cannot be loaded from acme_module:Acme: {why}"
    )
    assert caught.value.__cause__ is not None


NOT_PROVIDERS = {
    "no name": (PROVIDER.replace('    name = "acme"', ""), "lacks name, a string"),
    "no settings": (
        PROVIDER.replace("    Settings = Settings", ""),
        "lacks Settings, a pydantic model",
    ),
    "other settings": (
        PROVIDER.replace("    Settings = Settings", "    Settings = dict"),
        "lacks Settings, a pydantic model",
    ),
    "no class": ("Acme = 7", "is not a class"),
    "other name": (
        PROVIDER.replace('"acme"', '"emca"'),
        "calls itself 'emca', and has no such alias",
    ),
}


@pytest.mark.parametrize(("source", "why"), NOT_PROVIDERS.values(), ids=list(NOT_PROVIDERS))
def test_a_class_that_is_no_provider_is_refused(site: Site, source: str, why: str) -> None:
    site.provider(source)
    with pytest.raises(PluginContractError) as caught:
        Registry({}).account("acme", {"key": "k"})
    assert str(caught.value) == f"provider acme (acme-pkg 1.2): acme_module:Acme {why}"


def test_an_alias_names_the_provider_it_is_of(site: Site) -> None:
    points = "acme = acme_module:Acme\nacme-classic = acme_module:Acme"
    site.add("acme-pkg", {"providers": points}, {"acme_module": PROVIDER})
    assert Registry({}).account("acme-classic", {"key": "k"}).provider == "acme"
    # one class with two names is one provider, so no question which is meant
    assert Registry({LIMIT: "acme-pkg"}).account(None, {"key": "k"}).provider == "acme"


def test_a_provider_that_cannot_be_made_is_told_with_its_distribution(site: Site) -> None:
    site.provider(PROVIDER.replace("self.settings = settings", "raise OSError('no disk')"))
    with pytest.raises(PluginLoadError) as caught:
        Registry({}).account("acme", {"key": "k"})
    assert str(caught.value) == "acme (acme-pkg 1.2) cannot be made: OSError: no disk"


def test_an_error_of_ours_that_a_provider_raises_is_passed_on(site: Site) -> None:
    raising = "from batchyard.errors import ConfigError; raise ConfigError('no bucket')"
    site.provider(PROVIDER.replace("self.settings = settings", raising))
    with pytest.raises(ConfigError, match=r"^no bucket$"):
        Registry({}).account("acme", {"key": "k"})


class TestSettings:
    @pytest.fixture(autouse=True)
    def acme(self, site: Site) -> None:
        site.provider()

    @pytest.mark.parametrize(
        ("environ", "given", "message"),
        [
            ({}, {}, "acme: key: Field required (the key; variable ACME_KEY)"),
            (
                {"ACME_KEY": SECRET, "ACME_REGION": "mars"},
                {},
                "acme: region: String should have at most 2 characters (variable ACME_REGION)",
            ),
            (
                {},
                {"key": SECRET, "region": "mars"},
                "acme: region: String should have at most 2 characters (variable ACME_REGION)",
            ),
            (
                {},
                {"key": [SECRET]},
                "acme: key: Input should be a valid string (the key; variable ACME_KEY)",
            ),
        ],
    )
    def test_that_are_missing_or_wrong_are_named_with_their_variable_and_without_their_value(
        self, environ: dict[str, str], given: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            Registry(environ).account("acme", given)
        error = caught.value
        assert str(error) == message
        assert (error.provider, error.param) == ("acme", message.split(": ")[1])
        assert error.__cause__ is None
        assert error.__suppress_context__, "pydantic's own error quotes the value"

    def test_that_are_given_win_over_the_environment(self) -> None:
        registry = Registry({"ACME_KEY": SECRET, "ACME_REGION": "us"})
        account = registry.account("acme", {"region": "ap"})
        settings: Any = account._plugin.settings  # type: ignore[attr-defined]
        assert (settings.key.get_secret_value(), settings.region) == (SECRET, "ap")

    def test_of_one_provider_make_it_the_default(self, site: Site) -> None:
        other = PROVIDER.replace("acme", "other").replace("ACME", "OTHER").replace("Acme", "Other")
        site.add("other-pkg", {"providers": "other = other_module:Other"}, {"other_module": other})
        limit = "acme,other"
        assert Registry({LIMIT: limit, "OTHER_KEY": "k"}).account().provider == "other"
        for environ in ({}, {"OTHER_KEY": "k", "ACME_KEY": "k"}):
            with pytest.raises(ConfigError) as caught:
                Registry({LIMIT: limit, **environ}).account()
            assert str(caught.value) == "which provider? Name one of: acme, other"

    def test_without_any_provider_there_is_advice(self) -> None:
        with pytest.raises(ConfigError, match=r"^no provider is installed .*try: pip install"):
            Registry({LIMIT: ""}).account()

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("import no_such_thing", "ModuleNotFoundError"),
            (
                PROVIDER.replace("names = {", "int(environ['ACME_KEY']); names = {"),
                "cannot read the environment: ValueError",
            ),
            (
                PROVIDER.replace("names = {", "raise SystemExit(3); names = {"),
                "cannot read the environment: SystemExit",
            ),
        ],
        ids=["import", "environment", "exit"],
    )
    def test_of_a_broken_provider_are_none_and_stop_no_other(
        self, site: Site, caplog: pytest.LogCaptureFixture, source: str, why: str
    ) -> None:
        broken = source.replace('"acme"', '"other"').replace("Acme", "Other")
        site.add("other-pkg", {"providers": "other = other_module:Other"}, {"other_module": broken})
        environ = {LIMIT: "acme,other", "ACME_KEY": SECRET}
        assert Registry(environ).account().provider == "acme"
        (message,) = caplog.messages
        assert message.startswith("provider other (other-pkg 1.2) ")
        assert why in message
        assert SECRET not in message

    def test_that_a_broken_provider_cannot_read_are_an_error_when_it_is_asked_for(
        self, site: Site
    ) -> None:
        broken = PROVIDER.replace("names = {", "int(environ['ACME_KEY']); names = {")
        broken = broken.replace('"acme"', '"other"').replace("Acme", "Other")
        site.add("other-pkg", {"providers": "other = other_module:Other"}, {"other_module": broken})
        with pytest.raises(PluginLoadError) as caught:
            Registry({"ACME_KEY": SECRET}).account("other")
        assert str(caught.value) == (
            "provider other (other-pkg 1.2) cannot read the environment: ValueError"
        )


HEARING = """
from batchyard.hookspecs import hookimpl

class Hearing:
    @hookimpl
    def batch_created(self, event):
        pass
"""

TRACING = """
from batchyard.hookspecs import hookimpl

class Tracing:
    @hookimpl(wrapper=True)
    def retrieve_batch(self):
        return (yield)
"""

LEFT_OUT = {
    "import error": (
        "import no_such_thing",
        "cannot be loaded from bad_module:Bad: ModuleNotFound",
    ),
    "exit": ("raise SystemExit", "cannot be loaded from bad_module:Bad: SystemExit"),
    "constructor": (
        "class Bad:\n    def __init__(self):\n        raise OSError('no disk')",
        "bad (bad-pkg 0.1) cannot be made: OSError: no disk",
    ),
    "constructor that exits": (
        "class Bad:\n    def __init__(self):\n        raise SystemExit(3)",
        "bad (bad-pkg 0.1) cannot be made: SystemExit: 3",
    ),
    "no hooks": ("class Bad:\n    pass", "bad (bad-pkg 0.1) implements no hook of "),
}


@pytest.mark.parametrize("group", ["listeners", "middleware"])
@pytest.mark.parametrize(("source", "why"), LEFT_OUT.values(), ids=list(LEFT_OUT))
def test_a_listener_or_middleware_that_fails_is_named_and_left_out_and_the_others_are_there(
    site: Site, caplog: pytest.LogCaptureFixture, group: str, source: str, why: str
) -> None:
    site.provider()
    site.add("bad-pkg", {group: "bad = bad_module:Bad"}, {"bad_module": source}, version="0.1")
    site.add(
        "good-pkg",
        {"listeners": "hearing = hearing:Hearing", "middleware": "tracing = tracing:Tracing"},
        {"hearing": HEARING, "tracing": TRACING},
    )
    with caplog.at_level(logging.ERROR, "batchyard.registry"):
        account = Registry({}).account("acme", {"key": "k"})
    (message,) = caplog.messages
    assert message.startswith("bad (bad-pkg 0.1) left out: ")
    assert why in message
    assert account.hears("batch_created")
    assert site.imported() >= {"hearing", "tracing"}


def test_two_listeners_of_one_name_are_left_out_and_not_imported(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.provider()
    for distribution in ("one-pkg", "two-pkg"):
        site.add(distribution, {"listeners": "twin = twin:Hearing"}, {"twin": HEARING})
    account = Registry({LIMIT: "acme,twin"}).account("acme", {"key": "k"})
    assert len(caplog.messages) == 2
    assert "2 packages claim listener 'twin': one-pkg 1.2 and two-pkg 1.2" in caplog.text
    assert not account.hears("batch_created")
    assert site.imported() == {"acme_module"}


@pytest.mark.parametrize("group", ["sinks", "gates", "prices", "engines"])
def test_a_named_plugin_that_fails_is_told_with_its_distribution(site: Site, group: str) -> None:
    site.add("bad-pkg", {group: "bad = bad_module:Bad"}, {"bad_module": "import no_such_thing"})
    with pytest.raises(PluginError, match=r"bad \(bad-pkg 1\.2\) cannot be loaded"):
        Registry({}).plugin(group, "bad")


def test_a_module_may_be_a_plugin(site: Site) -> None:
    module = "from batchyard.hookspecs import hookimpl\n@hookimpl\ndef batch_created(event): ..."
    site.provider()
    site.add("mod-pkg", {"listeners": "mod = mod_module"}, {"mod_module": module})
    assert Registry({}).account("acme", {"key": "k"}).hears("batch_created")


def test_listeners_and_middleware_are_made_once_for_all_accounts(site: Site) -> None:
    counted = HEARING.replace(
        "class Hearing:",
        "MADE = []\n\nclass Hearing:\n    def __init__(self):\n        MADE.append(1)\n",
    )
    site.provider()
    site.add("good-pkg", {"listeners": "hearing = hearing:Hearing"}, {"hearing": counted})
    registry = Registry({})
    for _ in range(3):
        registry.account("acme", {"key": "k"})
    import hearing  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by the test

    assert hearing.MADE == [1]
