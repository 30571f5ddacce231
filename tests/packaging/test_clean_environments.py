from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.packaging.wheels import ROOT, Environment, run

REQUEST = (
    '{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",'
    ' "body": {"model": "m", "messages": [{"role": "user", "content": "hi"}]}}\n'
)

SETTINGS = {
    "anthropic": "api_key='sk-ant-0123456789'",
    "azure": "api_key='k-0123456789', base_url='https://r.openai.azure.com'",
    "gemini": "api_key='AIza0123456789'",
    "openai": "api_key='sk-0123456789'",
    "vertex": "project='p', location='us-central1', bucket='my-bucket'",
}
OPEN = """
import sys
from batchyard import Client
client = Client({provider!r}, {settings})
others = {{name for name in sys.modules if name.startswith("batchyard_")}}
print(client.account.provider, {{name.partition(".")[0] for name in others}})
"""


@pytest.fixture
def requests_file(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_text(REQUEST, encoding="utf-8")
    return path


def assert_clear_refusal(environment: Environment, requests_file: Path) -> None:
    done = environment.run("batchyard", "run", str(requests_file), "--provider", "openai")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "openai" in line


def test_core_alone_says_what_to_install(core_alone: Environment) -> None:
    core_alone.uninstall("batchyard-openai")
    done = core_alone.run("batchyard", "providers")
    assert done.returncode == 0, done.stderr
    assert "pip install batchyard-" in done.stdout + done.stderr


def test_a_provider_that_is_not_installed_is_refused_in_one_line(
    core_alone: Environment, requests_file: Path
) -> None:
    core_alone.uninstall("batchyard-openai")
    assert_clear_refusal(core_alone, requests_file)


# one of them stands for the others: what each of them needs is the same two lines
@pytest.mark.parametrize(
    "provider",
    [
        pytest.param(one, marks=() if one == "openai" else pytest.mark.slow, id=one)
        for one in SETTINGS
    ],
)
def test_a_provider_works_alone_with_core(
    provider: str, core_alone: Environment, wheels: dict[str, Path]
) -> None:
    core_alone.uninstall("batchyard-openai")
    with core_alone.holding(wheels[provider]):
        listed = core_alone.run("batchyard", "providers")
        assert {line.split()[1] for line in listed.stdout.splitlines()} == {f"batchyard-{provider}"}
        code = OPEN.format(provider=provider, settings=SETTINGS[provider])
        done = core_alone.run("python", "-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{provider} {{'batchyard_{provider}'}}"


def test_an_installed_provider_is_listed_with_its_version(with_openai: Environment) -> None:
    done = with_openai.run("batchyard", "providers")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "openai" in line.split()]
    assert "0.1.0" in line


def test_an_emulator_without_its_extra_says_what_to_install(with_openai: Environment) -> None:
    done = with_openai.run("batchyard", "emulate", "openai", "--quirk", "list")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "[emulate]" in done.stderr


def test_a_provider_imports_without_the_extras(with_openai: Environment) -> None:
    done = with_openai.run("python", "-W", "error", "-c", "import batchyard, batchyard_openai")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_uninstalled_provider_is_gone(with_openai: Environment, requests_file: Path) -> None:
    with_openai.uninstall("batchyard-openai")
    assert "0.1.0" not in with_openai.run("batchyard", "providers").stdout
    assert_clear_refusal(with_openai, requests_file)


@pytest.mark.slow
def test_a_checkout_is_installed_by_one_command(tmp_path: Path) -> None:
    environment = Environment.create(tmp_path / "venv")
    pip = [sys.executable, "-m", "pip", "--python", str(environment.python), "install"]
    run(*pip, "--quiet", "--no-compile", "./core", "./plugins/openai", cwd=ROOT, check=True)
    done = environment.run("batchyard", "providers")
    assert done.returncode == 0, done.stderr
    assert "openai" in done.stdout
