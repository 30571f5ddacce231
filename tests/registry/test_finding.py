"""What is installed, and what of it is allowed, is known before anything is imported."""

from __future__ import annotations

import pytest

from batchyard.errors import PluginConflictError, UnknownPluginError
from batchyard.registry import GROUPS, LIMIT, Registry
from tests.registry.distributions import PROVIDER, Site


def names(registry: Registry, group: str = "providers") -> set[str]:
    return {info.name for info in registry.installed(group)}


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_is_listed_with_its_distribution_and_nothing_is_imported(
    site: Site, group: str
) -> None:
    site.add("acme-pkg", {group: "acme = acme_module:Acme"}, {"acme_module": "raise SystemExit"})
    (info,) = (one for one in Registry({}).installed(group) if one.name == "acme")
    assert str(info) == "acme (acme-pkg 1.2)"
    assert site.imported() == set()


def test_only_the_provider_that_is_asked_for_is_imported(site: Site) -> None:
    site.provider()
    site.add("other-pkg", {"providers": "other = other_module:Other"}, {"other_module": PROVIDER})
    Registry({}).account("acme", {"key": "k"})
    assert site.imported() == {"acme_module"}


def test_an_unknown_name_is_answered_with_the_nearest_one(site: Site) -> None:
    site.provider()
    with pytest.raises(UnknownPluginError) as caught:
        Registry({LIMIT: "acme"}).provider("amce")
    assert str(caught.value) == (
        "there is no provider 'amce': installed: acme (BATCHYARD_PLUGINS limits what loads); "
        "did you mean 'acme'?"
    )
    assert caught.value.status_hint == 404


def test_an_unknown_provider_is_answered_with_how_it_may_be_installed() -> None:
    with pytest.raises(UnknownPluginError, match=r"pip install batchyard-zenith$"):
        Registry({}).provider("zenith")


def test_an_unknown_name_of_an_empty_group_is_answered_so() -> None:
    with pytest.raises(UnknownPluginError, match=r"^there is no command 'x': none is installed"):
        Registry({LIMIT: ""}).plugin("commands", "x")


class TestTwoPackagesWithOneName:
    @pytest.fixture(autouse=True)
    def packages(self, site: Site) -> None:
        site.provider()
        site.add(
            "acme-fork",
            {"providers": "acme = fork_module:Acme"},
            {"fork_module": PROVIDER},
            version="9",
        )

    def test_are_refused_before_either_is_imported(self, site: Site) -> None:
        with pytest.raises(PluginConflictError) as caught:
            Registry({}).account("acme", {"key": "k"})
        assert str(caught.value) == (
            "2 packages claim provider 'acme': acme-fork 9 and acme-pkg 1.2; uninstall one, "
            "switch it off (batchyard plugins disable PACKAGE), or set BATCHYARD_PLUGINS to the "
            "packages to load"
        )
        assert site.imported() == set()
        with pytest.raises(UnknownPluginError, match="installed: acme, anthropic"):
            Registry({}).provider("amce")

    def test_are_told_apart_by_naming_a_package_and_the_other_is_not_imported(
        self, site: Site
    ) -> None:
        account = Registry({LIMIT: "acme-fork"}).account("acme", {"key": "k"})
        assert account.provider == "acme"
        assert site.imported() == {"fork_module"}

    def test_do_not_stop_other_providers(self, site: Site) -> None:
        other = PROVIDER.replace('"acme"', '"other"').replace("Acme", "Other")
        site.add("other-pkg", {"providers": "other = other_module:Other"}, {"other_module": other})
        registry = Registry({LIMIT: "acme,other", "ACME_KEY": "k"})
        assert registry.account().provider == "other"


@pytest.mark.parametrize(
    ("limit", "found"),
    [
        ("one", {"one"}),
        (" one , three ", {"one", "three"}),
        ("first-pkg", {"one", "two"}),
        ("First_Pkg", {"one", "two"}),
        ("second-pkg,two", {"two", "three"}),
        ("", set()),
        (",", set()),
        ("nothing", set()),
    ],
)
def test_the_variable_limits_what_is_there_by_name_or_by_distribution(
    site: Site, limit: str, found: set[str]
) -> None:
    site.add("first-pkg", {"commands": "one = a:A\ntwo = a:B"}, {})
    site.add("second-pkg", {"commands": "three = b:A"}, {})
    assert names(Registry({LIMIT: limit}), "commands") == found


def test_the_variable_leaves_what_batchyard_brings_itself() -> None:
    assert {"budget", "models", "redact"} <= names(Registry({LIMIT: "nothing"}), "gates")
    assert {"book", "account"} <= names(Registry({LIMIT: "nothing"}), "prices")


def test_without_the_variable_all_is_there(site: Site) -> None:
    site.add("first-pkg", {"gates": "one = a:A\ntwo = a:B"}, {})
    assert names(Registry({}), "gates") >= {"one", "two"}


def test_a_registry_sees_what_was_installed_before_it_was_made(site: Site) -> None:
    assert "acme" not in names(Registry({}))
    site.provider()
    assert Registry({}).provider("acme").name == "acme"
