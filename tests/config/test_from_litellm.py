"""Configurations of LiteLLM's proxy become ours, and what does not is named."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from batchyard.cli import main
from batchyard.config import load, resolve, resolve_gateway, resolve_ledger, resolve_models
from batchyard.config.from_litellm import Conversion, convert, read_yaml
from batchyard.errors import ConfigError
from batchyard.prices import maker_of
from batchyard.registry import Registry

FILES = Path(__file__).with_name("litellm")


def converted(name: str | Path) -> Conversion:
    return convert(Registry({}), read_yaml(FILES / name), maker_of)


def lost(made: Conversion) -> dict[str, str]:
    return {one.path: one.reason for one in made.remarks if not one.carried}


def noted(made: Conversion) -> dict[str, str]:
    return {one.path: one.reason for one in made.remarks if one.carried}


def test_models_accounts_prices_and_keys_are_carried() -> None:
    made = converted("batches.yaml")
    assert tomllib.loads(made.toml) == {
        "default_account": "azure",
        "gateway": {"master_key": "env:LITELLM_MASTER_KEY"},
        "accounts": {
            "azure": {
                "base_url": "env:AZURE_API_BASE_EU",
                "api_key": "env:AZURE_API_KEY_EU",
                "api_version": "2025-04-01-preview",
                "deployments": {
                    "mini-global-batch": {"name": "mini-global-batch", "base_model": "gpt-4.1-mini"}
                },
            },
            "openai": {
                "api_key": "env:OPENAI_API_KEY",
                # a price for batches as it is, and of the other half
                "prices": {"gpt-4.1-mini": {"input": 0.1, "output": 0.8}},
            },
        },
        "models": {
            "gpt-4.1-mini-batch": {"account": "azure", "model": "mini-global-batch"},
            "gpt-4.1-mini": {"account": "openai"},
        },
    }
    assert list(lost(made)) == [
        "model_list.0.litellm_params.rpm",
        "model_list.0.model_info.mode",
        "litellm_settings.callbacks",
        "litellm_settings.drop_params",
    ]
    assert "langfuse, prometheus" in lost(made)["litellm_settings.callbacks"]
    assert noted(made)["model_list.1"].startswith("output_cost_per_token: halved")
    assert "the first is the default account: azure" in noted(made)["files_settings"]


def test_a_name_at_several_accounts_keeps_its_weights_and_aliases() -> None:
    made = converted("balanced.yaml")
    data = tomllib.loads(made.toml)
    eu, ca = "azure-my-endpoint-europe", "azure-my-endpoint-canada"
    both = [
        {"account": eu, "model": "gpt-4o-eu", "weight": 750},
        {"account": ca, "model": "gpt-4o-ca", "weight": 250},
    ]
    assert data["models"] == {
        "gpt-4o": {"accounts": both},
        # the same resource by another version of its API
        "gpt-4o-us": {"account": f"{ca}-2", "model": "gpt-4o"},
        "default-model": {"accounts": both},
        "hidden": {"accounts": both},
    }
    assert set(data["accounts"]) == {eu, ca, f"{ca}-2"}
    found = lost(made)
    assert "no provider 'bedrock' is installed" in found["model_list.3.litellm_params"]
    assert "no wildcards" in found["model_list.4"]
    assert "16 characters" in found["general_settings.master_key"]
    assert found["environment_variables.REDIS_PASSWORD"].startswith("set it where")
    assert "there is no model" in found["router_settings.model_group_alias.lost"]
    assert "x-azure" in found
    # what is not carried is named by its place, never by its value
    said = made.toml + repr(made.remarks)
    assert "hush-hush" not in said
    assert "sk-1234" not in said
    assert "pw-of-the-database" not in repr(made.remarks)
    assert data["ledger"]["url"].startswith("postgresql://llm:{pw-of-the-database}@")


def test_a_provider_is_known_by_its_alias_or_by_the_makers_name() -> None:
    made = converted("vertex.yaml")
    data = tomllib.loads(made.toml)
    assert data["accounts"]["vertex-europe-west4"] == {
        "provider": "vertex",
        "vertex_project": "adroit-crow",
        "vertex_location": "europe-west4",
        "vertex_credentials": "env:VERTEX_CREDENTIALS",
        "gcs_bucket_name": "batches-of-ours",
    }
    assert data["models"]["bare"] == {"account": "openai", "model": "gpt-4.1-nano"}
    assert "it names no provider" in lost(made)["model_list.3.litellm_params"]
    # what was left to a variable there is left to the one that means the same here
    assert data["accounts"]["vertex-us-central1"]["bucket"] == "env:GCS_BUCKET_NAME"
    assert "GCS_BUCKET_NAME" in noted(made)["model_list.1.litellm_params: bucket"]
    assert data["accounts"]["openai"] == {"api_key": "env:OPENAI_API_KEY"}


ENVIRON = {
    "AZURE_API_BASE_EU": "https://eu.openai.azure.com",
    "AZURE_API_KEY_EU": "k-azure-eu",
    "AZURE_API_KEY_CA": "k-azure-ca",
    "OPENAI_API_KEY": "k-openai",
    "LITELLM_MASTER_KEY": "m" * 32,
    "VERTEX_CREDENTIALS": "key.json",
    "GCS_BUCKET_NAME": "another-bucket",
}


@pytest.mark.parametrize("name", ["batches.yaml", "balanced.yaml", "vertex.yaml"])
def test_the_result_is_a_configuration(name: str, tmp_path: Path) -> None:
    path = tmp_path / "batchyard.toml"
    path.write_text(converted(name).toml, encoding="utf-8")
    path.chmod(0o600)
    (tmp_path / "key.json").write_text("{}")
    registry = Registry(ENVIRON)
    config = load(registry.environ, path)
    for account in config.names:
        assert resolve(registry, account, config=config).name == account
    assert len(resolve_models(registry, config)) == converted(name).models
    resolve_gateway(registry, config)
    if config.ledger_enabled:
        ledger = resolve_ledger(registry, None, config)
        assert ledger is not None
        assert ledger.store == tmp_path / "batchyard-files"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model_list:\n  - a: [1\n  b: 2\n", "config.yaml is not YAML at line 3"),
        ("a: 1\nb: {}\na: 2\n", "at line 3, column 1: the key 'a' stands twice"),
        ("a: !!python/object/apply:os.system ['true']\n", "at line 1"),
        ("a: \x00\n", "is not YAML"),
        (b"a: \xff\n", r"not UTF-8 \(at line 1\)"),
        ("- 1\n", "it must be a mapping, with model_list"),
        ("", "it must be a mapping, with model_list"),
        ("a: " + "[" * 5000, "is not YAML"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(
    text: str | bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        read_yaml(written(tmp_path, text))


def test_odd_entries_cost_themselves_alone(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "model_list:\n- 7\n- model_name: a\n- {model_name: ok, litellm_params: {model: openai/x,"
        " api_key: 'env:HOME', input_cost_per_token: .nan, weight: -1}}\n"
        "- {model_name: a_b, litellm_params: {model: openai/x, api_key: 12345}}\n"
        "- {model_name: A-B, litellm_params: {model: openai/x}}\n"
        "files_settings: {}\nrouter_settings: []\ngeneral_settings: {database_url: mysql://x}\n",
    )
    made = convert(Registry({}), read_yaml(path), maker_of)
    data = tomllib.loads(made.toml)
    assert data["accounts"] == {
        "openai": {"api_key": "env:OPENAI_API_KEY"},
        "openai-2": {"provider": "openai", "api_key": "12345"},
    }
    assert data["models"]["ok"] == {"account": "openai", "model": "x"}
    assert set(lost(made)) == {
        "model_list.0",
        "model_list.1",
        "model_list.2.litellm_params.api_key",
        "model_list.2.litellm_params.weight",
        "model_list.2.input_cost_per_token",
        "model_list.4",
        "files_settings",
        "router_settings",
        "general_settings.database_url",
    }


def test_texts_come_through_as_they_are(tmp_path: Path) -> None:
    odd = 'a"b\\c\u007f\u00e9\t#'
    path = tmp_path / "config.yaml"
    path.write_text(
        f"model_list:\n- {{model_name: m, litellm_params: {{model: openai/x, "
        f"organization: {json.dumps(odd)}}}}}\n",
        encoding="utf-8",
    )
    made = convert(Registry({}), read_yaml(path), maker_of)
    assert tomllib.loads(made.toml)["accounts"]["openai"]["organization"] == odd


def test_the_command_writes_a_file_for_its_owner_and_lists_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def shell_in(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env={**ENVIRON, "HOME": str(tmp_path)})

    result = shell_in("config", "from-litellm", str(FILES / "batches.yaml"), "-o", "batchyard.toml")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "Not carried: model_list.0.litellm_params.rpm: limits are set" in result.stderr
    assert "Carried to batchyard.toml: 2 accounts, 2 models." in result.stderr
    path = tmp_path / "batchyard.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    checked = shell_in("config", "check")
    assert checked.exit_code == 0, checked.output
    assert "models.gpt-4.1-mini-batch" in checked.output
    again = shell_in("config", "from-litellm", str(FILES / "batches.yaml"), "-o", "batchyard.toml")
    assert again.exit_code == 1
    assert "not written over" in again.output
