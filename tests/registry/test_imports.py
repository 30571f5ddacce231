"""What is imported when: start-up is short, and a provider is imported when it is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.registry.distributions import PROVIDER, Site

HEAVY = {"httpx", "pydantic", "stevedore", "pluggy", "msgspec", "rich", "click"}


def imported(code: str, *paths: object) -> set[str]:
    """The modules that a new interpreter has imported after *code*."""
    script = f"import json, sys\n{code}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environ,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def installed(site: Site) -> Site:
    """Providers, a listener and a command that would all show that they were imported."""
    site.provider()
    site.add("other-pkg", {"providers": "other = other_module:Other"}, {"other_module": PROVIDER})
    site.add("ear-pkg", {"listeners": "ear = ear_module:Ear"}, {"ear_module": ""})
    site.add("cmd-pkg", {"commands": "cmd = cmd_module:main"}, {"cmd_module": ""})
    return site


PLUGINS = {"acme_module", "other_module", "ear_module", "cmd_module", "batchyard_openai"}


def test_importing_the_package_imports_no_library_and_no_plugin(installed: Site) -> None:
    modules = imported("import batchyard", installed.folder)
    assert modules & (HEAVY | PLUGINS) == set()
    assert {one for one in modules if one.startswith("batchyard")} == {"batchyard"}


def test_a_public_name_is_imported_when_it_is_used() -> None:
    modules = imported("import batchyard; batchyard.BatchyardError")
    assert {one for one in modules if one.startswith("batchyard.")} == {"batchyard.errors"}
    assert modules & HEAVY == set()


@pytest.mark.parametrize("arguments", [["providers"], ["providers", "--json"], ["--help"]])
def test_the_command_line_lists_plugins_without_importing_them(
    installed: Site, arguments: list[str]
) -> None:
    code = f"from batchyard.cli import main; main({arguments}, standalone_mode=False)"
    assert imported(code, installed.folder) & PLUGINS == set()


def test_a_client_imports_the_one_provider_it_is_for(installed: Site) -> None:
    code = "from batchyard import Client; Client('acme', key='k').close()"
    modules = imported(code, installed.folder)
    # listeners are for every account
    assert modules & PLUGINS == {"acme_module", "ear_module"}


def test_sending_imports_no_command_line_beside_httpx() -> None:
    modules = imported("from batchyard.drivers._http import httpx; httpx.Client")
    assert "httpx" in modules
    assert modules & {"click", "pygments", "rich", "httpx._main"} == set()


def test_whoever_wants_the_command_line_of_httpx_still_gets_it() -> None:
    code = "from batchyard.drivers._http import httpx; httpx.Client; import httpx._main"
    assert "httpx._main" in imported(code)
