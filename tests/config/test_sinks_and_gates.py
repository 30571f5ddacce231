"""Which sinks and gates there are to be, in which order, with settings that their plugins take."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from batchyard.config import resolve_gates, resolve_sinks
from batchyard.errors import ConfigError
from batchyard.registry import Registry
from tests.config.conftest import Desk
from tests.config.extras import PLUGINS, POINTS
from tests.registry.distributions import Site

pytestmark = pytest.mark.usefixtures("plugins")


@pytest.fixture
def plugins(desk: Desk) -> Iterator[Desk]:
    site = Site(desk.folder.parent / "site")
    site.add("extras", POINTS, {"extras": PLUGINS})
    yield desk
    sys.modules.pop("extras", None)


def sinks(**environ: str) -> tuple[Any, ...]:
    return resolve_sinks(Registry(environ))


def gates(**environ: str) -> tuple[Any, ...]:
    return resolve_gates(Registry(environ))


def test_without_a_word_there_are_none() -> None:
    assert sinks() == ()
    assert gates() == ()


def test_a_sink_is_a_plugin_with_a_name_hooks_and_settings(plugins: Desk) -> None:
    plugins.write(
        "[sinks.audit]\nsink = 'plain'\nhooks = ['batch_success', 'batch_failed']\npath = 'x'\n"
        "[sinks.hook]\ntoken = 'env:TOKEN'"
    )
    audit, hook = sinks(TOKEN="t-SECRET", BATCHYARD_SINKS__HOOK__RETRIES="9")
    assert (audit.name, audit.sink) == ("audit", "plain")
    assert audit.events == ("batch_success", "batch_failed")
    assert audit.settings == {"path": "x"}
    assert (hook.sink, hook.events, hook.settings.retries) == ("hook", (), 9)
    assert hook.settings.token.get_secret_value() == "t-SECRET"
    assert "SECRET" not in repr(hook)


def test_what_a_subscription_gets_is_told_in_its_table(plugins: Desk) -> None:
    plugins.write(
        "[sinks.audit]\nsink = 'lined'\nevents = ['batch_success']\nlines = 0.1\nbodies = true\n"
        "redact = ['metadata', 'custom_id']\nrate = 2.5\n"
        "[sinks.lined]\nlines = 'all'\n[sinks.none]\nsink = 'lined'\nlines = 'none'"
    )
    audit, everything, none = sinks(BATCHYARD_SINKS__LINED__RATE="4")
    assert (audit.events, audit.lines, audit.bodies) == (("batch_success",), 0.1, True)
    assert (audit.redact, audit.rate) == (("metadata", "custom_id"), 2.5)
    assert (everything.lines, everything.bodies, everything.rate) == (1.0, False, 4.0)
    assert (none.lines, none.rate, none.redact) == (0.0, None, ())


@pytest.mark.parametrize("spelled", ["events", "hooks"])
def test_a_key_of_every_sink_is_the_plugins_too_where_it_has_one_of_that_name(
    plugins: Desk, spelled: str
) -> None:
    plugins.write(f"[sinks.hook]\ntoken = 't'\n{spelled} = ['batch_created']\nrate = 4")
    (hook,) = sinks()
    assert hook.events == hook.settings.events == ("batch_created",)
    assert hook.rate == 4.0


def test_a_sink_of_variables_alone() -> None:
    (found,) = sinks(
        BATCHYARD_SINKS__PLAIN__PATH="x", BATCHYARD_SINKS__PLAIN__HOOKS='["batch_success"]'
    )
    assert (found.name, found.sink, found.events) == ("plain", "plain", ("batch_success",))


def test_gates_run_by_their_order_and_then_by_name(plugins: Desk) -> None:
    plugins.write(
        "[gates.z]\ngate = 'size'\norder = 1\n[gates.b]\ngate = 'size'\norder = 2\nlimit = 5\n"
        "[gates.a]\ngate = 'size'\norder = 2\n[gates.last]\ngate = 'size'\norder = 1"
    )
    found = gates(BATCHYARD_GATES__LAST__ORDER="7")
    assert [one.name for one in found] == ["z", "a", "b", "last"]
    assert found[2].settings == {"limit": 5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sink = 'plan'", r"sinks\.x\.sink: .* did you mean 'plain'"),
        ("", r"sinks\.x\.sink: "),
        ("sink = ''", r"sinks\.x\.sink: String should have at least 1"),
        ("sink = 'plain'\npath = 'p'\nmdoe = 'S'", r"sinks\.x\.mdoe: .* did you mean 'mode'"),
        ("sink = 'plain'\npath = 'p'\nhoks = []", r"sinks\.x\.hoks: .* did you mean 'hooks'"),
        ("sink = 'plain'", r"sinks\.x\.path: this setting is needed"),
        ("sink = 'hook'\ntoken = 't'\nretrys = 1", r"sinks\.x\.retrys: .* did you mean 'retries'"),
        ("sink = 'hook'\ntoken = 't'\nretries = 'SECRET'", r"sinks\.x\.retries: Input should be"),
        ("sink = 'hook'", r"sinks\.x\.token: Field required"),
        ("sink = 'hook'\ntoken = 'env:NONE'", r"sinks\.x\.token: the variable NONE is not set"),
        (
            "sink = 'plain'\npath = 'p'\nhooks = ['batch_sucess']",
            r"sinks\.x\.hooks\.0: there is no event 'batch_sucess'; did you mean 'batch_success'",
        ),
        (
            "sink = 'plain'\npath = 'p'\nhooks = ['request_sent']",
            r"sinks\.x\.hooks\.0: there is no event 'request_sent'",
        ),
        ("sink = 'lined'\nlines = 1.5", r"sinks\.x\.lines: Input should be less than or equal"),
        ("sink = 'lined'\nlines = 'some'", r"sinks\.x\.lines: Input should be a valid number"),
        (
            "sink = 'lined'\nredact = ['prompt']",
            r"sinks\.x\.redact\.0: Input should be 'custom_id'",
        ),
        ("sink = 'lined'\nrate = 0", r"sinks\.x\.rate: Input should be greater than 0"),
        (
            "sink = 'plain'\npath = 'p'\nlines = 'all'",
            r"sinks\.x\.lines: the sink 'plain' takes events only",
        ),
        (
            "sink = 'plain'\npath = 'p'\nevents = ['batch_sucess']",
            r"sinks\.x\.events\.0: there is no event 'batch_sucess'",
        ),
        (
            "sink = 'plain'\npath = 'p'\nevents = []\nhooks = []",
            r"sinks\.x\.hooks: events says the same",
        ),
        ("sink = 'plain'\nhooks = 'batch_success'", r"sinks\.x\.hooks: Input should be a valid tu"),
    ],
)
def test_a_mistake_is_named_with_its_key(plugins: Desk, text: str, message: str) -> None:
    plugins.write(f"[sinks.x]\n{text}")
    with pytest.raises(ConfigError, match=rf"^batchyard\.toml: {message}") as caught:
        sinks()
    assert "SECRET" not in str(caught.value)


def test_a_mistake_in_a_gate_is_named_too(plugins: Desk) -> None:
    plugins.write("[gates.size]\norder = 'first'")
    with pytest.raises(ConfigError, match=r"gates\.size\.order: Input should be a valid integer"):
        gates()


def test_a_secret_in_a_file_for_everybody_is_warned_of(
    plugins: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    path = plugins.write("[sinks.hook]\ntoken = 't'", "shown.toml")
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING, logger="batchyard.config"):
        resolve_sinks(Registry({}), path)
    assert ["chmod 600" in one for one in caplog.messages] == [True]
