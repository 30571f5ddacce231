"""What came of the suites, rule by rule, for people and for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import importlib_metadata

from batchyard.hookspecs import CONTRACT

if TYPE_CHECKING:
    import pytest

__all__ = ["Report", "Rule"]

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(slots=True)
class Rule:
    """One test of a suite, over all that it was tried with."""

    suite: str
    name: str
    counts: dict[Outcome, int] = field(
        default_factory=lambda: {"passed": 0, "failed": 0, "skipped": 0}
    )
    said: list[dict[str, str]] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        if self.counts["failed"]:
            return "failed"
        return "passed" if self.counts["passed"] else "skipped"

    def document(self) -> dict[str, Any]:
        return {
            "suite": self.suite,
            "rule": self.name,
            "title": self.name.removeprefix("test_").replace("_", " "),
            "outcome": self.outcome,
            "counts": dict(self.counts),
            "said": self.said,
        }


class Report:
    """A pytest plugin that counts.  ``subject`` is what is tried, ``mode`` how."""

    def __init__(self, subject: str | None = None, mode: str = "suites") -> None:
        self.subject = subject
        self.mode = mode
        self.more: dict[str, Any] = {}
        self._rules: dict[tuple[str, str], Rule] = {}

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(self._rules.values())

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and something was tried."""
        outcomes = {one.outcome for one in self.rules}
        return "failed" not in outcomes and "passed" in outcomes

    def add(self, suite: str, name: str, outcome: Outcome, case: str = "", said: str = "") -> None:
        rule = self._rules.setdefault((suite, name), Rule(suite, name))
        rule.counts[outcome] += 1
        if outcome != "passed":
            rule.said.append({"case": case, "outcome": outcome, "message": said})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        suite, name, case = _named(report.nodeid)
        self.add(suite, name, report.outcome, case, _said(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome == "failed":
            self.add(report.nodeid, "test_it_can_be_collected", "failed", "", report.longreprtext)

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        rules = [one.document() for one in self.rules]
        found: dict[str, Any] = {
            "report": 1,
            "batchyard": importlib_metadata.version("batchyard"),
            "contract": ".".join(map(str, CONTRACT)),
            "subject": self.subject,
            "mode": self.mode,
            "passed": self.passed,
            "counts": {
                outcome: sum(one["outcome"] == outcome for one in rules)
                for outcome in ("passed", "failed", "skipped")
            },
            **self.more,
            "rules": rules,
        }
        return found

    def write(self, path: Path) -> None:
        text = json.dumps(self.document(), indent=2, ensure_ascii=False)
        path.write_text(f"{text}\n", encoding="utf-8")

    def lines(self) -> Iterator[str]:
        """For people: a line for each rule that was broken or not tried, and the sum."""
        for rule in self.rules:
            if rule.outcome == "passed":
                continue
            yield f"{rule.outcome}  {rule.suite}: {rule.document()['title']}"
            for one in rule.said[:3]:
                last = one["message"].strip().splitlines()[-1:] or [""]
                yield f"        {one['case']} {last[0]}".rstrip()
        counts = self.document()["counts"]
        yield ", ".join(f"{counts[one]} {one}" for one in ("passed", "failed", "skipped"))


def _named(nodeid: str) -> tuple[str, str, str]:
    """The suite, the test and the case of a test's id."""
    file, *inner = nodeid.split("::", 2)
    suite, test = inner if len(inner) == 2 else (Path(file).stem, inner[0] if inner else "")
    found = re.fullmatch(r"(\w+)(?:\[(.*)\])?", test, re.DOTALL)
    return suite, found[1] if found else test, (found[2] or "") if found else ""


def _said(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message) if crash is not None else report.longreprtext
