"""LiteLLM as it is installed, and five loggers of its own."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard.events import to_json
from batchyard.models import Event
from tests.litellm.test_litellm import ended, failed
from tests.packaging.wheels import ROOT, Environment, build_wheel
from tests.sinks.receivers import Post, Receiver

pytestmark = pytest.mark.slow

GENERIC = "litellm.integrations.generic_api.generic_api_callback.GenericAPILogger"
LOGGERS = (GENERIC, "langsmith", "openmeter", "lago", "datadog")

FAILURES = {GENERIC, "langsmith", "datadog"}
"""Loggers that are told of failures too; the others have no form for them."""


@pytest.fixture(scope="module")
def litellm(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("litellm")
    environment = Environment.create(folder / "venv")
    wheels = [build_wheel(ROOT / one, folder / "wheels") for one in ("core", "plugins/litellm")]
    # LiteLLM has its own mind about versions
    (environment.folder / "constraints.txt").write_text("", "utf-8")
    environment.install(*wheels, Path("litellm"))
    return environment


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        # Datadog says that it has accepted
        made.status = 202
        yield made


def told(
    environment: Environment, receiver: Receiver, folder: Path, events: list[Event]
) -> dict[str, list[str | None]]:
    """What went wrong with each event, by logger."""
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(to_json(one)) + "\n" for one in events), "utf-8")
    base = receiver.url.removesuffix("/events")
    variables = {
        "GENERIC_LOGGER_ENDPOINT": f"{base}/generic",
        "LANGSMITH_API_KEY": "k",
        "LANGSMITH_BASE_URL": f"{base}/langsmith",
        "OPENMETER_API_KEY": "k",
        "OPENMETER_API_ENDPOINT": f"{base}/openmeter",
        "LAGO_API_KEY": "k",
        "LAGO_API_BASE": f"{base}/lago",
        "LAGO_API_EVENT_CODE": "batches",
        "LAGO_API_CHARGE_BY": "team_id",
        "LITELLM_DD_AGENT_HOST": "127.0.0.1",
        "LITELLM_DD_AGENT_PORT": str(receiver.port),
        "DD_API_KEY": "k",
        # else it asks the Internet for prices
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    script = str(Path(__file__).with_name("with_litellm.py"))
    done = subprocess.run(
        [str(environment.python), script, str(path), *LOGGERS],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = map(json.loads, done.stdout.splitlines())
    return {one["callback"]: one["errors"] for one in found}


def bodies(receiver: Receiver, path: str) -> list[Any]:
    return [_body(post) for post in receiver.posts if post.path.startswith(path)]


def _body(post: Post) -> Any:
    packed = post.headers.get("content-encoding") == "gzip"
    return json.loads(gzip.decompress(post.body) if packed else post.body)


def test_five_of_its_loggers_send_what_they_are_told(
    litellm: Environment, receiver: Receiver, tmp_path: Path
) -> None:
    created, success = ended("batch_created", totals=None, receipt=None), ended()
    found = told(litellm, receiver, tmp_path, [created, success, failed()])
    assert found == {one: [None, None, None] for one in LOGGERS}

    generic = [one for body in bodies(receiver, "/generic") for one in body]
    assert [one["id"] for one in generic][:2] == [created.id, success.id]
    assert [one["call_type"] for one in generic][:2] == ["acreate_batch", "aretrieve_batch"]
    assert generic[1]["hidden_params"]["batch_models"] == ["gemini-a", "gemini-b"]
    assert [one["status"] for one in generic] == ["success", "success", "failure"]
    runs = [one for body in bodies(receiver, "/langsmith") for one in body["post"]]
    assert [one["inputs"]["response_cost"] for one in runs] == [0.0, 0.0012, 0.0]
    assert runs[2]["error"] == "Line 3 is no JSON."
    metered = bodies(receiver, "/openmeter")[-1]
    assert (metered["subject"], metered["data"]["cost"]) == ("mia", 0.0012)
    charged = bodies(receiver, "/lago")[-1]["event"]
    assert charged["external_subscription_id"] == "docs"
    assert charged["properties"]["response_cost"] == 0.0012
    logs = [one for body in bodies(receiver, "/api/v2/logs") for one in body]
    assert success.id in json.dumps(logs)


def test_what_they_could_not_send_is_told_again(
    litellm: Environment, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.set("rejecting")
    found = told(litellm, receiver, tmp_path, [ended(), failed()])
    for callback, errors in found.items():
        assert errors[0] is not None, callback
        assert (errors[1] is not None) == (callback in FAILURES), callback
