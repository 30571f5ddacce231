"""A plugin that is written for another version says so when it is loaded, and not later."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchyard.errors import PluginContractError, PluginLoadError
from batchyard.hookspecs import CONTRACT
from batchyard.registry import SPECS, PluginInfo, Registry, declared
from tests.registry.distributions import PROVIDER, Site
from tests.style.repository import PACKAGES, project

MAJOR, MINOR = CONTRACT

OURS = [
    one
    for group in SPECS
    for one in Registry({}).installed(group)
    if one.distribution.startswith("batchyard-")
]
"""What has hooks, and a version of its own: core's own plugins are always as new as it is."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    made = Site(tmp_path)
    yield made
    for name in made.imported():
        del sys.modules[name]


def written_for(site: Site, contract: object) -> Registry:
    site.provider(PROVIDER.replace('name = "acme"', f'name = "acme"\n    contract = {contract!r}'))
    return Registry({})


@pytest.mark.parametrize(
    "contract",
    [None, f">={MAJOR}.{MINOR},<{MAJOR + 1}", f">={MAJOR}", f"=={MAJOR}.{MINOR}", ">0.9 , <= 99"],
)
def test_what_fits_is_loaded(site: Site, contract: str | None) -> None:
    assert written_for(site, contract).provider("acme").name == "acme"


@pytest.mark.parametrize(
    ("contract", "cure"),
    [
        (f">={MAJOR + 1},<{MAJOR + 2}", "install a newer batchyard"),
        (f">={MAJOR}.{MINOR + 1},<{MAJOR + 1}", "install a newer batchyard"),
        (f">=0.1,<{MAJOR}", "install a newer acme-pkg, or an older batchyard"),
        ("==0.9", "install a newer acme-pkg, or an older batchyard"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_versions(
    site: Site, contract: str, cure: str
) -> None:
    with pytest.raises(PluginContractError) as refused:
        written_for(site, contract).provider("acme")
    assert f"acme (acme-pkg 1.2) is written for versions {contract}" in str(refused.value)
    assert f"this is {MAJOR}.{MINOR} (batchyard" in str(refused.value)
    assert cure in str(refused.value)


@pytest.mark.parametrize("contract", ["", "1.0", "~=1.0", ">=one", ">=1.0;<2", 1.0, (1, 0)])
def test_what_is_no_range_is_refused_with_an_example(site: Site, contract: object) -> None:
    with pytest.raises(PluginContractError, match=r'is no range; write one such as ">=1\.0,<2"'):
        written_for(site, contract).provider("acme")


@pytest.mark.parametrize(
    ("need", "said"),
    [
        ("batchyard>=9,<10", "acme-pkg asks for batchyard>=9,<10, and "),
        ("batchyard[emulate] (>=9)", "acme-pkg asks for batchyard>=9, and "),
        ("batchyard>=0.0.1", None),
        ("batchyard-openai>=9", None),
    ],
)
def test_what_cannot_be_imported_says_which_batchyard_it_asks_for(
    site: Site, need: str, said: str | None
) -> None:
    modules = {"acme_module": "from batchyard.hookspecs import no_such_thing"}
    site.add("acme-pkg", {"providers": "acme = acme_module:Acme"}, modules)
    (info,) = site.folder.glob("acme*info")
    with (info / "METADATA").open("a") as file:
        file.write(f"Requires-Dist: {need}\n")
    with pytest.raises(PluginLoadError, match="no_such_thing") as refused:
        Registry({}).provider("acme")
    if said is None:
        assert "asks for" not in str(refused.value)
    else:
        assert said in str(refused.value)


@pytest.mark.parametrize("info", OURS, ids=lambda one: f"{one.group}-{one.name}")
def test_a_package_of_ours_says_what_it_is_written_for(info: PluginInfo) -> None:
    # they are tried with this version, and use what came with it
    wanted = f">={MAJOR}.{MINOR},<{MAJOR + 1}"
    assert declared(Registry({}).load(info.group, info.name)) == wanted


def test_every_package_of_ours_is_looked_at() -> None:
    packages = {project(package)["name"] for package in PACKAGES} - {"batchyard"}
    assert packages == {one.distribution for one in OURS}
