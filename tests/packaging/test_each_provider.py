from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.wheels import Environment

SETTINGS = {
    "azure": "api_key='k-0123456789', base_url='https://r.openai.azure.com'",
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


@pytest.mark.parametrize("provider", SETTINGS)
def test_a_provider_works_alone_with_core(
    provider: str, wheels: dict[str, Path], tmp_path: Path
) -> None:
    environment = Environment.create(tmp_path / "venv")
    environment.install(wheels["core"], wheels[provider])
    listed = environment.run("batchyard", "providers")
    assert {line.split()[1] for line in listed.stdout.splitlines()} == {f"batchyard-{provider}"}
    code = OPEN.format(provider=provider, settings=SETTINGS[provider])
    done = environment.run("python", "-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{provider} {{'batchyard_{provider}'}}"
