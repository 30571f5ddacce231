"""Accounts, as they are set up and looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from batchyard.models import Billing
from batchyard.testing import Emulated
from batchyard_anthropic import Settings
from batchyard_anthropic._usage import billing_of

KEY = "sk-ant-0123456789"


@pytest.mark.parametrize(
    ("environ", "headers"),
    [
        ({"ANTHROPIC_API_KEY": KEY}, {"x-api-key": KEY}),
        ({"ANTHROPIC_AUTH_TOKEN": "tok-0123456789"}, {"authorization": "Bearer tok-0123456789"}),
        (
            {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_AUTH_TOKEN": "tok-0123456789"},
            {"x-api-key": KEY},
        ),
    ],
)
def test_the_environments_account_has_one_credential(
    environ: dict[str, str], headers: dict[str, str]
) -> None:
    made = Settings.from_environment({**environ, "HOME": "/ann"})
    assert made is not None
    assert made.headers == {"anthropic-version": "2023-06-01", **headers}
    assert made.folder == Path("/ann/.local/share/batchyard/anthropic")
    assert KEY not in repr(made)


def test_without_a_credential_nothing_is_offered() -> None:
    assert Settings.from_environment({"ANTHROPIC_BASE_URL": "https://x.example"}) is None


def test_the_folder_is_the_variables_or_that_of_the_users_data() -> None:
    key = {"ANTHROPIC_API_KEY": KEY}
    own = Settings.from_environment({**key, "BATCHYARD_ANTHROPIC_FOLDER": "/data/a"})
    data = Settings.from_environment({**key, "XDG_DATA_HOME": "/data"})
    assert own is not None
    assert data is not None
    assert (own.folder, data.folder) == (Path("/data/a"), Path("/data/batchyard/anthropic"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "give one of"),
        ({"api_key": KEY, "auth_token": "t"}, "give one of"),
        ({"api_key": "k\u00fcy"}, "characters"),
        ({"api_key": KEY, "base_url": "api.anthropic.com"}, "URL"),
        ({"api_key": KEY, "base_url": "https://x.example/?a=b"}, "URL"),
        ({"api_key": KEY, "betas": ("a\nb",)}, "letters"),
        ({"api_key": KEY, "apikey": KEY}, "Extra"),
    ],
)
def test_settings_that_are_wrong_say_what_is(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(folder=Path("/data"), **settings)


@pytest.mark.parametrize(
    "url", ["https://x.example/v1", "https://x.example/v1/", "https://x.example"]
)
def test_a_base_url_ends_before_its_version(url: str) -> None:
    assert Settings(api_key=KEY, base_url=url, folder=Path("/d")).base_url == "https://x.example"  # type: ignore[arg-type]


def test_a_check_says_what_to_do_about_the_key_and_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Emulated("anthropic") as place:
        good = place.client().check()
        bad = place.client(api_key="sk-ant-wrong", folder=str(tmp_path / "file" / "x")).check()
    assert [(one.level, one.check) for one in good] == [("ok", "credentials"), ("ok", "folder")]
    assert [one.level for one in bad] == ["error", "error"]
    assert "ANTHROPIC_API_KEY" in (bad[0].fix or "")
    assert "BATCHYARD_ANTHROPIC_FOLDER" in (bad[1].fix or "")


@pytest.mark.parametrize(
    ("model", "requested", "billed"),
    [
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-sonnet-5", None, "claude-sonnet-5"),
        (None, "claude-opus-5-20260101", "claude-opus-5"),
        ("claude-haiku-4-5-20251001+", None, "claude-haiku-4-5-20251001+"),
        (None, None, None),
    ],
)
def test_a_model_is_billed_as_all_of_its_editions(
    model: str | None, requested: str | None, billed: str | None
) -> None:
    assert billing_of(model, requested) == Billing(billed)
