"""Each rule of the suites for sinks, listeners, gates and prices has a plugin that breaks it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchyard.testing import GateSuite, ListenerSuite, PriceSuite, SinkSuite
from tests.testing import plugin_examples

ROOT = Path(__file__).resolve().parents[2]
SUITES = "tests/testing/plugin_suites.py"

CONTRACT = "test_it_says_which_contract_it_is_written_for"
OVERRIDDEN = "test_no_test_is_overridden_but_as_an_expected_failure"
MADE = "test_it_is_made_with_its_settings_and_shows_no_secret"

# which test of which suite must fail for whom
BROKEN = {
    SinkSuite: {
        ("TestUndatedSink", CONTRACT),
        ("TestQuietSink", OVERRIDDEN),
        ("TestShowingSink", MADE),
        ("TestPickySink", "test_an_event_of_every_kind_is_taken"),
        ("TestClosedSink", "test_an_event_of_a_later_version_is_survived"),
        ("TestDoublingSink", "test_an_event_that_comes_twice_is_there_once"),
        ("TestAppendingSink", "test_lines_that_come_twice_are_there_once"),
        ("TestRacingSink", "test_events_side_by_side_all_arrive"),
        ("TestHopefulSink", "test_an_outage_is_raised_and_the_event_arrives_afterwards"),
    },
    ListenerSuite: {
        ("TestUndatedListener", CONTRACT),
        ("TestQuietListener", OVERRIDDEN),
        ("TestNeedyListener", "test_it_is_made_without_settings"),
        ("TestCrashingListener", "test_an_event_of_every_kind_is_heard"),
        ("TestTrustingListener", "test_an_event_that_knows_little_is_heard"),
        ("TestVagueListener", "test_it_says_whether_it_needs_totals"),
    },
    GateSuite: {
        ("TestUndatedGate", CONTRACT),
        ("TestQuietGate", OVERRIDDEN),
        ("TestShowingGate", MADE),
        ("TestUntriedGate", "test_there_is_a_line_for_each_thing_that_it_does"),
        ("TestOpenGate", "test_its_lines_come_to_what_they_must"),
        ("TestSilentGate", "test_a_refusal_says_why"),
        ("TestRenamingGate", "test_a_rewrite_is_the_same_line_with_the_body_that_it_must_have"),
        ("TestGrowingGate", "test_what_was_rewritten_is_let_through"),
        ("TestRawGate", "test_a_text_that_is_escaped_is_the_same_text"),
        ("TestCountingGate", "test_how_lines_are_grouped_makes_no_difference"),
        ("TestNarrowGate", "test_any_valid_line_gets_a_verdict"),
        ("TestStrictGate", "test_a_batch_gets_a_verdict_in_either_mode"),
    },
    PriceSuite: {
        ("TestUndatedPrices", CONTRACT),
        ("TestQuietPrices", OVERRIDDEN),
        ("TestRestlessPrices", "test_it_is_made_and_has_a_rank_and_an_edition"),
        ("TestUnknownPrices", "test_it_knows_what_it_must"),
        ("TestWrongPrices", "test_it_knows_what_it_must"),
        ("TestNamelessPrices", "test_its_rates_say_where_they_are_from"),
        ("TestPerTokenPrices", "test_amounts_are_decimals_of_dollars_for_a_million_tokens"),
        ("TestGuessingPrices", "test_it_leaves_to_others_what_it_does_not_know"),
        ("TestRandomPrices", "test_the_same_question_has_the_same_answer"),
    },
}
SOUND = ("TestGoodSink", "TestGoodListener", "TestGoodGate", "TestGoodPrices")
GROUPS = {"Gate": "gates", "Listener": "listeners", "Prices": "prices", "Sink": "sinks"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of the suites, with the examples installed."""
    site = tmp_path_factory.mktemp("site")
    info = site / "examples-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: examples\nVersion: 1.0\n")
    lines = []
    for kind, group in GROUPS.items():
        lines.append(f"[batchyard.{group}]")
        for name in vars(plugin_examples):
            if found := re.fullmatch(rf"(\w+){kind}", name):
                point = f"{found[1]}_{kind}".lower()
                lines.append(f"{point} = tests.testing.plugin_examples:{name}")
    (info / "entry_points.txt").write_text("\n".join(lines))
    wanted = [f"{suite}::{test}" for pairs in BROKEN.values() for suite, test in sorted(pairs)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--tb=no", "-rA", "-p", "no:cacheprovider"),
            *(f"{SUITES}::{one}" for one in [*SOUND, *wanted]),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "COLUMNS": "2000",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("suite", "test"), sorted(pair for pairs in BROKEN.values() for pair in pairs)
)
def test_a_plugin_that_breaks_a_rule_fails(report: str, suite: str, test: str) -> None:
    assert re.findall(rf"(?m)^FAILED {SUITES}::{suite}::{test}\b.*", report)


@pytest.mark.parametrize("suite", SOUND)
def test_a_plugin_that_keeps_them_passes(report: str, suite: str) -> None:
    assert re.findall(rf"(?m)^(?:FAILED|ERROR) {SUITES}::{suite}::.*", report) == []
    assert re.findall(rf"(?m)^PASSED {SUITES}::{suite}::.*", report)


@pytest.mark.parametrize("suite", BROKEN, ids=lambda one: str(one.__name__))
def test_every_rule_has_a_plugin_that_breaks_it(suite: Any) -> None:
    rules = {name for name in dir(suite) if name.startswith("test_")}
    assert {test for _, test in BROKEN[suite]} == rules
