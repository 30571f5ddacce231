from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from batchyard.testing import EndToEndSuite, ProviderSuite
from tests.testing import providers

ROOT = Path(__file__).resolve().parents[2]
SUITES = "tests/testing/suites.py"

FAULT = "test_a_fault_is_an_error_or_recovered_from"
ENDS_WELL = "test_a_scenario_ends_well"
OVERRIDDEN = "test_no_test_is_overridden_but_as_an_expected_failure"
LOOKED_UP = "test_a_lost_create_is_looked_up_before_it_is_sent_again"
FOUND = "test_a_lost_create_that_is_found_is_not_sent_again"
UNSURE = "test_a_lost_create_that_cannot_be_looked_up_is_not_sent_again"
DRIVERS = "test_both_drivers_end_like_the_replay"

# which test of the suite must fail for whom, and what it must say
BROKEN = (
    ("TestAbsent", "test_it_loads_by_its_entry_point_and_registers", "cannot be loaded"),
    ("TestDefaulting", "test_it_loads_by_its_entry_point_and_registers", "has a default"),
    ("TestPlain", "test_a_credential_is_a_secret", "api_key of Settings must be SecretStr"),
    (
        "TestTrusting",
        "test_an_id_from_outside_stays_within_its_part_of_the_url",
        "quote it",
    ),
    (
        "TestChoosy",
        "test_a_parameter_that_nobody_knows_is_not_left_out_in_silence",
        "a parameter was left out",
    ),
    ("TestTidy", "test_the_last_line_may_lack_its_end", "was to come out of"),
    ("TestBrittle", "test_a_line_that_cannot_be_read_costs_no_other", "was to come out of"),
    ("TestUndated", "test_it_says_which_contract_it_is_written_for", "lacks contract"),
    ("TestUngilded", "test_there_are_goldens_of_an_answer_and_of_an_error", "goldens: give"),
    ("TestNumbering", "test_a_golden_line_is_sent_word_for_word", "was to be sent"),
    ("TestSparing", "test_a_golden_answer_comes_out_word_for_word", "refused: the answer was to"),
    (
        "TestCertain",
        "test_every_state_is_read_and_one_of_tomorrow_is_still_running",
        "was read as 'failed'",
    ),
    ("TestCareless", "test_an_empty_environment_offers_nothing_or_settings", "returned dict"),
    ("TestStranger", "test_its_aliases_are_its_entry_points", "nobody"),
    ("TestHeavy", "test_importing_it_imports_no_http_library_and_no_sdk", "httpx"),
    ("TestIncomplete", "test_every_operation_has_a_scenario", "without a scenario: ['retrieve_"),
    ("TestOverfull", "test_every_operation_has_a_scenario", "without an operation: ['cancel_"),
    ("TestEager", "test_an_operation_returns_a_plan", "must return a plan"),
    ("TestColoured", "test_hooks_that_are_no_plans_are_plain_functions", "limits must be def"),
    ("TestShowing", "test_no_repr_shows_a_secret", "the repr of Showing shows a secret"),
    ("TestFragile", "test_tokens_are_read_from_whatever_a_line_holds", "TypeError"),
    ("TestClosed", "test_limits_are_limits", "a limit of 0"),
    ("TestOtherResult", ENDS_WELL, "must end with"),
    ("TestOtherRequest", ENDS_WELL, "in place of exchange 0"),
    ("TestOtherRequest", ENDS_WELL, "ended before exchange 1"),
    ("TestOtherBody", ENDS_WELL, "is wrong"),
    ("TestForeign", ENDS_WELL, "which is not an effect"),
    ("TestInThePath", ENDS_WELL, "a URL shows a secret"),
    ("TestCrashing", FAULT, "KeyError"),
    ("TestOptimist", FAULT, "must end with"),
    ("TestStubborn", FAULT, "has not ended"),
    ("TestTalkative", FAULT, "an error shows a secret"),
    ("TestLogging", FAULT, "a log record shows a secret"),
    ("TestBlind", LOOKED_UP, "without looking first"),
    ("TestForgetful", FOUND, "the create was sent 2 times"),
    ("TestUnfound", FOUND, "needs `found`"),
    ("TestHopeful", UNSURE, "nobody could tell"),
    ("TestCutting", "test_how_a_stream_is_cut_makes_no_difference", "must end with"),
    ("TestOneShot", "test_a_body_that_is_sent_again_is_read_from_its_start", "was to have"),
    ("TestUnsendable", DRIVERS, "characters that HTTP does not allow"),
    ("TestVague", "test_an_error_says_who_was_asked_and_what_the_status_was", "None)"),
    ("TestQuietened", OVERRIDDEN, "only with pytest.mark.xfail"),
)

# and which must not
SOUND = (
    "TestGood",
    f"TestKnownToFail::{OVERRIDDEN}",
    f"TestKeyed::{LOOKED_UP}",
    f"TestKeyed::{FOUND}",
    f"TestFixed::{DRIVERS}",
)


TESTS = {name for name in dir(ProviderSuite) if name.startswith("test_")}

pytestmark = pytest.mark.xdist_group("conformance")  # they share one run of the suites


def entry_points() -> Mapping[str, str]:
    """Every provider of the examples, by its name."""
    points = {
        one.name: f"tests.testing.providers:{one.__name__}"
        for one in vars(providers).values()
        if isinstance(one, type) and issubclass(one, providers.Good)
    }
    heavy = "tests.testing.heavy_provider:Heavy"
    return {**points, "heavy": heavy, "absent": "tests.testing.providers:Absent"}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of the suites, with the examples installed beside everything else."""
    site = tmp_path_factory.mktemp("site")
    metadata = site / "examples-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: examples\nVersion: 1.0\n")
    points = "\n".join(f"{name} = {value}" for name, value in entry_points().items())
    (metadata / "entry_points.txt").write_text(f"[batchyard.providers]\n{points}\n")
    wanted = dict.fromkeys([*SOUND, *(f"{suite}::{test}" for suite, test, _ in BROKEN)])
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rA", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *(f"{SUITES}::{one}" for one in wanted)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "COLUMNS": "2000"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("suite", "test", "said"), BROKEN)
def test_a_provider_that_breaks_the_contract_fails(
    report: str, suite: str, test: str, said: str
) -> None:
    failed = re.findall(rf"(?m)^FAILED {SUITES}::{suite}::{test}\b.*", report)
    assert failed
    assert any(said in line for line in failed), failed


@pytest.mark.parametrize("suite", SOUND)
def test_a_provider_that_keeps_it_passes(report: str, suite: str) -> None:
    assert re.findall(rf"(?m)^(?:FAILED|ERROR) {SUITES}::{suite}\b.*", report) == []


def test_every_test_of_the_suite_has_a_provider_that_fails_it() -> None:
    assert {test for _, test, _ in BROKEN} == TESTS


def test_every_test_of_the_suite_is_run_for_a_sound_provider(report: str) -> None:
    assert set(re.findall(rf"(?m)^PASSED {SUITES}::TestGood::(\w+)", report)) == TESTS


def test_a_provider_that_cannot_be_redirected_is_told_what_was_not_tried(report: str) -> None:
    assert re.search(r"(?m)^SKIPPED .*settings_for\(\) of TestFixed cannot redirect it", report)


def test_the_end_to_end_suite_is_overridden_only_where_a_failure_is_expected() -> None:
    known = pytest.mark.xfail(reason="the service has no room for a key")

    class Honest(EndToEndSuite):
        @known
        def test_a_list_is_walked_to_its_end(self) -> None:  # type: ignore[override]
            """Not tried, and said so."""

        @pytest.mark.parametrize("mode", [pytest.param("direct", marks=known), "tracked"])
        def test_a_create_whose_reply_is_lost_makes_one_batch(self) -> None:  # type: ignore[override]
            """Half of it is not tried."""

    class Quiet(EndToEndSuite):
        @pytest.mark.parametrize("mode", ["direct", "tracked"])
        def test_the_gateway_serves_it(self) -> None:  # type: ignore[override]
            """Not tried, and nobody is told."""

    Honest().test_no_test_is_overridden_but_as_an_expected_failure()
    with pytest.raises(AssertionError, match=r"^Quiet\.test_the_gateway_serves_it: override"):
        Quiet().test_no_test_is_overridden_but_as_an_expected_failure()
