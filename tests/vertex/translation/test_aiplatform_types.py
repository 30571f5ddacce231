"""What is sent is parsed by google-cloud-aiplatform, which takes no field that it does not know.

It has an environment of its own: it holds google-genai, and more, at other versions.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.packaging.wheels import Environment, run
from tests.vertex.translation.lines import sent
from tests.vertex.translation.test_google_types import everything

SCRIPT = """
import json, sys
from google.cloud.aiplatform_v1.types import GenerateContentRequest
from google.protobuf import json_format

for line in open(sys.argv[1], encoding="utf-8"):
    message = GenerateContentRequest.pb(GenerateContentRequest())
    json_format.ParseDict(json.loads(line), message, ignore_unknown_fields=False)
"""
PACKAGE = "google-cloud-aiplatform==2.7.0"


@pytest.mark.slow
def test_the_official_package_parses_every_request(tmp_path: Path) -> None:
    environment = Environment.create(tmp_path / "official")
    # from an index, in versions of its own: they are not those of the lock
    pip = (sys.executable, "-m", "pip", "--python", str(environment.python))
    run(*pip, "install", "--quiet", PACKAGE, check=True)
    written, _ = sent(*everything(), lossy="drop")
    file = tmp_path / "requests.jsonl"
    file.write_text("".join(json.dumps(one["request"]) + "\n" for one in written), "utf-8")
    done = run(str(environment.python), "-c", SCRIPT, str(file))
    assert (done.returncode, done.stderr) == (0, "")
    file.write_text('{"contents": [], "unheard_of": 1}\n', "utf-8")
    assert run(str(environment.python), "-c", SCRIPT, str(file)).returncode != 0
