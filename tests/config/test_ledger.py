"""Whether there is a ledger, where it is, and what is said when it cannot be."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from batchyard.config import LedgerSettings, load, masked, resolve_ledger
from batchyard.errors import ConfigError
from batchyard.registry import Registry
from tests.config.conftest import Desk

pytestmark = pytest.mark.usefixtures("desk")

POSTGRES = f"postgresql://{'me:pw-SECRET'}@db.example/ledger"


def ledger(given: Any = None, config: Any = None, **environ: str) -> LedgerSettings | None:
    return resolve_ledger(Registry(environ), given, config)


def found(given: Any = None, config: Any = None, **environ: str) -> LedgerSettings:
    settings = ledger(given, config, **environ)
    assert settings is not None
    return settings


def test_without_a_word_there_is_none(desk: Desk) -> None:
    desk.write('[accounts.mine]\nprovider = "acme"')
    assert ledger() is None
    assert ledger(False) is None


def test_the_users_own_is_in_the_data_folder(tmp_path: Path) -> None:
    settings = found(True, HOME=str(tmp_path))
    assert settings.url == f"sqlite:///{tmp_path}/.local/share/batchyard/ledger.db"
    assert settings.store == tmp_path / ".local/share/batchyard/ledger.store"
    moved = found(True, HOME="/nowhere", XDG_DATA_HOME=str(tmp_path))
    assert moved.store == tmp_path / "batchyard/ledger.store"
    with pytest.raises(ConfigError, match=r"no home folder .* give it a url"):
        ledger(True)


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("[ledger]", {}),
        ("ledger = true", {}),
        ("", {"BATCHYARD_LEDGER": "true"}),
        ("", {"BATCHYARD_LEDGER": "1"}),
        ("", {"BATCHYARD_LEDGER__GRACE": "5"}),
        ("ledger = false", {"BATCHYARD_LEDGER__ENABLED": "true"}),
    ],
)
def test_it_is_switched_on(desk: Desk, text: str, environ: dict[str, str]) -> None:
    desk.write(text)
    settings = found(HOME="/users/me", **environ)
    assert settings.url == "sqlite:////users/me/.local/share/batchyard/ledger.db"
    assert load(environ).ledger_enabled is True


@pytest.mark.parametrize(
    ("text", "environ"),
    [
        ("ledger = false", {}),
        ("[ledger]\nurl = 'x.db'\nenabled = false", {}),
        ("[ledger]\nurl = 'x.db'", {"BATCHYARD_LEDGER": "false"}),
        ("[ledger]\nurl = 'x.db'", {"BATCHYARD_LEDGER__ENABLED": "no"}),
    ],
)
def test_it_is_switched_off_but_for_who_asks_for_it(
    desk: Desk, text: str, environ: dict[str, str]
) -> None:
    desk.write(text)
    assert load(environ).ledger_enabled is False
    assert ledger(HOME="/users/me", **environ) is None
    assert ledger(True, HOME="/users/me", **environ) is not None


def test_nothing_said_is_not_the_same_as_switched_off(desk: Desk) -> None:
    desk.write('[accounts.mine]\nprovider = "acme"')
    assert load({}).ledger_enabled is None


def test_an_address_comes_out_in_one_form() -> None:
    here = Path.cwd()
    for given in (
        "x.db",
        Path("x.db"),
        "sqlite:///x.db",
        "sqlite+aiosqlite:///x.db",
        here / "x.db",
    ):
        assert found(given).url == f"sqlite:///{here}/x.db"
        assert found(given).store == here / "x.store"
    for scheme in ("postgres", "postgresql", "postgresql+asyncpg"):
        assert (
            LedgerSettings(url=f"{scheme}://host/name?x=1", store=here).url
            == "postgresql://host/name?x=1"
        )


def test_paths_in_a_file_begin_in_its_folder(desk: Desk) -> None:
    path = desk.write("[ledger]\nurl = 'a/x.db'\nstore = 'files'", "sub/own.toml")
    settings = found(config=path)
    assert settings.url == f"sqlite:///{desk.folder}/sub/a/x.db"
    assert settings.store == desk.folder / "sub/files"
    elsewhere = found(config=path, BATCHYARD_LEDGER__URL="b.db")
    assert elsewhere.url == f"sqlite:///{desk.folder}/b.db"
    assert found(config=path, BATCHYARD_LEDGER="b.db") == elsewhere


def test_an_argument_stands_above_what_is_configured_and_leaves_its_files_alone(desk: Desk) -> None:
    desk.write("[ledger]\nurl = 'x.db'\nstore = 'files'\ngrace = 7")
    settings = found("other.db")
    assert (settings.url, settings.grace) == (f"sqlite:///{desk.folder}/other.db", 7)
    assert settings.store == desk.folder / "other.store"
    own = LedgerSettings(url="own.db", grace=1)
    assert ledger(own) is own
    assert ledger(LedgerSettings(url="own.db", enabled=False)) is None


def test_a_reference_is_followed_and_no_password_is_shown(desk: Desk) -> None:
    desk.write("[ledger]\nurl = 'env:DB'\nstore = '/srv/files'\nengine = 'procrastinate'")
    settings = found(DB=POSTGRES)
    assert settings.url == POSTGRES
    assert "SECRET" not in repr(settings)
    assert masked(settings)["url"] == "postgresql://***db.example/ledger"
    with pytest.raises(ConfigError, match=r"ledger\.url: the variable DB is not set"):
        ledger()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grcae = 1", "ledger.grcae: there is no such setting; did you mean 'grace'"),
        ("grace = -1", "ledger.grace: Input should be greater than or equal to 0"),
        ("grace = 'SECRET'", "ledger.grace: Input should be a valid number"),
        ("url = 'mysql://SECRET.example/x'", "ledger.url: must be a path, sqlite:///path or post"),
        ("url = ':memory:'", "ledger.url: .* in memory forgets"),
        ("url = 'sqlite://'", "ledger.url: .* in memory forgets"),
        ("url = 3", "ledger.url: Input should be a valid string"),
        (f"url = '{POSTGRES}'", "ledger.store: a ledger on Postgres needs a folder"),
        ("poll_first = 90", "ledger: poll_first is more than poll_most"),
        ("concurrency = 0", "ledger.concurrency: Input should be greater"),
        ("retention_days = 0", "ledger.retention_days: Input should be greater than 0"),
    ],
)
def test_a_mistake_is_named_with_its_key_and_no_value(desk: Desk, text: str, message: str) -> None:
    desk.write(f"[ledger]\n{text}")
    with pytest.raises(ConfigError, match=f"^batchyard.toml: {message}") as caught:
        ledger(HOME="/users/me")
    assert "SECRET" not in str(caught.value)


def test_a_mistake_in_a_variable_or_an_argument_is_named_so() -> None:
    with pytest.raises(ConfigError, match=r"^BATCHYARD_LEDGER__GRACE: "):
        ledger(HOME="/users/me", BATCHYARD_LEDGER__GRACE="soon")
    with pytest.raises(ConfigError, match=r"^ledger\.store: a ledger on Postgres"):
        ledger(POSTGRES)
    with pytest.raises(ValidationError, match="in memory forgets"):
        LedgerSettings(url=":memory:")


def test_every_setting_is_described() -> None:
    assert all(field.description for field in LedgerSettings.model_fields.values())


@pytest.mark.parametrize(("mode", "warned"), [(0o644, 1), (0o600, 0)])
def test_a_password_in_a_file_for_everybody_is_warned_of(
    desk: Desk, caplog: pytest.LogCaptureFixture, mode: int, warned: int
) -> None:
    path = desk.write(f"[ledger]\nurl = '{POSTGRES}'\nstore = 'x'", f"own-{mode}.toml")
    path.chmod(mode)
    with caplog.at_level(logging.WARNING, logger="batchyard.config"):
        found(config=path)
    assert ["chmod 600" in one for one in caplog.messages] == [True] * warned
