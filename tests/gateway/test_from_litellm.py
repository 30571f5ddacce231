"""Who comes from LiteLLM's proxy: a converted configuration, and its curl commands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from batchyard.config import load, resolve_gateway
from batchyard.config.from_litellm import convert, read_yaml
from batchyard.ledger import Ledger
from batchyard.prices import maker_of
from batchyard.registry import Registry
from batchyard.testing import ManualClock
from tests.gateway.site import CHAT, MASTER, Site, lines
from tests.ledger.life.place import Place, job_of

PAGE = Path(__file__).parents[2] / "docs" / "from-litellm.md"

CONFIG = Path(__file__).parents[1] / "config" / "litellm" / "batches.yaml"


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway made from nothing but the converted file and the variables that it names."""
    folder = tmp_path_factory.mktemp("converted")
    url = folder / "ledger.db"
    shutil.copy(sqlite_template, url)
    toml = folder / "batchyard.toml"
    toml.write_text(convert(Registry({}), read_yaml(CONFIG), maker_of).toml, encoding="utf-8")
    place = Place(str(url), folder, ManualClock())
    try:
        place.emulate("azure", deployments={"mini-global-batch": "gpt-4.1-mini"})
        place.emulate("openai")
        theirs = place.environment()
        registry = Registry(
            {
                **theirs,
                "AZURE_API_BASE_EU": theirs["AZURE_OPENAI_ENDPOINT"],
                "AZURE_API_KEY_EU": theirs["AZURE_OPENAI_API_KEY"],
                "LITELLM_MASTER_KEY": MASTER,
            }
        )
        config = load(registry.environ, toml)
        settings = resolve_gateway(registry, config).model_copy(update={"follow": False})
        setup = {"accounts": [], "registry": registry, "config": config}
        with Site(place, settings, setup).served() as made:
            yield made
    finally:
        place.close()


def commands() -> list[list[str]]:
    """The curl commands of the page, word by word."""
    blocks = re.findall(r"```sh\n(curl .*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    text = "".join(blocks).replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line]


def typed(client: httpx.Client, words: list[str], content: bytes, **ids: str) -> httpx.Response:
    """What curl does with the words of a command, with other ids, for another file."""
    url, headers, form, body = "", {}, {}, None
    following = iter(words[1:])
    for word in following:
        if word not in {"-H", "-F", "-d"}:
            url = word.removeprefix("http://localhost:4000")
            continue
        value = next(following)
        if word == "-H":
            name, _, said = value.partition(": ")
            headers[name] = said.replace("sk-1234", MASTER)
        elif word == "-F":
            name, _, said = value.partition("=")
            form[name] = said
        else:
            body = value
    for example, real in ids.items():
        url, body = url.replace(example, real), body and body.replace(example, real)
    if not form and body is None:
        return client.get(url, headers=headers)
    files = {"file": (form.pop("file").lstrip("@"), content)} if form else None
    return client.post(url, headers=headers, data=form or None, files=files, content=body)


def test_the_pages_curl_commands_work_with_another_address(site: Site) -> None:
    upload, create, retrieve, list_all = commands()
    content = lines(2, model="gpt-4.1-mini-batch")
    with site.http() as client:
        file = typed(client, upload, content).json()
        batch = typed(client, create, content, **{"file-abc123": file["id"]}).json()
        site.follow()
        found = typed(client, retrieve, content, batch_abc123=batch["id"]).json()
        assert (found["status"], found["request_counts"]["completed"]) == ("completed", 2)
        listed = typed(client, list_all, content).json()["data"]
        assert batch["id"] in {one["id"] for one in listed}
    with site.http(MASTER) as client:
        rows = client.get(f"/v1/files/{found['output_file_id']}/content").text.splitlines()
        assert {json.loads(row)["custom_id"] for row in rows} == {"r-0", "r-1"}
    account, renames = site.run(lambda ledger: _place(ledger, batch["id"]))
    assert (account, renames) == ("azure", {"gpt-4.1-mini-batch": "mini-global-batch"})


def test_a_custom_price_counts(site: Site) -> None:
    with site.http(MASTER) as curl:
        batch_id = _created(curl, "gpt-4.1-mini")
        site.follow()
    receipt = site.run(lambda ledger: ledger.receipt(batch_id))
    (item,) = receipt.items
    assert item.account == "openai"
    assert item.rates is not None
    assert (float(item.rates.input or 0), float(item.rates.output or 0)) == (0.1, 0.8)


def test_the_models_are_those_of_the_list(site: Site) -> None:
    with site.http(MASTER) as curl:
        listed = curl.get("/v1/models").json()["data"]
        named = {one["id"]: one["accounts"] for one in listed if one["accounts"][0]["configured"]}
        assert set(named) == {"gpt-4.1-mini-batch", "gpt-4.1-mini"}
        (azure,) = named["gpt-4.1-mini-batch"]
        # a deployment has the price of its base model
        assert (azure["model"], azure["rates"]["input"]) == ("mini-global-batch", "0.2")
        assert MASTER not in curl.get("/v1/models").text + curl.get("/v1/providers").text


def _created(curl: httpx.Client, model: str) -> str:
    file = {"file": ("in.jsonl", lines(2, model=model))}
    uploaded = curl.post("/v1/files", data={"purpose": "batch"}, files=file).json()
    order = {"input_file_id": uploaded["id"], "endpoint": CHAT, "completion_window": "24h"}
    return str(curl.post("/v1/batches", json=order).json()["id"])


async def _place(ledger: Ledger, batch_id: str) -> tuple[str, dict[str, str] | None]:
    job = await job_of(ledger, batch_id)
    return job.account, job.renames
