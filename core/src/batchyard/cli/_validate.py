"""``batchyard validate``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._options import Where, debug_option, json_option, with_account
from batchyard.cli._output import details, echo, emit, note
from batchyard.cli._result_files import distinct, writable
from batchyard.config import load, resolve
from batchyard.errors import ConfigError, PluginError
from batchyard.lines import FileCheck, check_file
from batchyard.models import Limits
from batchyard.registry import Registry

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in a file, and by whose limits."""

    file: Path
    check: FileCheck
    account: str | None
    one_model: bool
    index: Path | None

    @property
    def warnings(self) -> list[str]:
        models = self.check.models
        said = []
        if self.account and self.one_model and len(models) > 1:
            names = ", ".join(models)
            said.append(f"{len(models)} models ({names}): a batch of {self.account} takes one")
        if self.check.has_bom:
            said.append("the file begins with a byte order mark, which not every provider takes")
        return said


@click.command("validate", short_help="Check FILE, a JSONL file of requests.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--index", type=click.Path(path_type=Path), help="Write the line index there, if all is well."
)
@with_account
@json_option
@debug_option
def command(where: Where, file: Path, index: Path | None, as_json: bool) -> None:
    """Check FILE, a JSONL file of requests, line by line.  Nothing is sent.

    All that is wrong is printed: the first 1,000 problems, the rest counted.  The
    limits are those of the account, if there is one.  Exit code 1 says that
    there are problems.
    """
    if index is not None:
        distinct(file, index)
        writable(index)
    account, limits = _limits(where)
    check = check_file(file, index, limits=limits, digest=as_json)
    verdict = Verdict(file, check, account, limits.one_model_per_file, index)
    if as_json:
        emit(_record(verdict))
    else:
        _show(verdict)
    if check.problem_count:
        raise SystemExit(EXIT_ERROR)


def _limits(where: Where) -> tuple[str | None, Limits]:
    """The account's limits; without an account, none: a file can be checked anywhere."""
    registry = Registry()
    config = load(registry.environ, where.config)
    try:
        found = resolve(registry, where.account, config=config)
        account = registry.account(found.provider, found.settings, name=found.name)
        return found.name, account.limits()
    except (ConfigError, PluginError) as error:
        if where.account:
            raise
        note(f"The limits of no provider are checked: {error}")
        return None, Limits()


def _show(verdict: Verdict) -> None:
    check = verdict.check
    for problem in check.problems:
        echo(str(problem))
    more = check.problem_count - len(check.problems)
    if more:
        echo(f"… and {more:,} more")
    for warning in verdict.warnings:
        note(f"Warning: {warning}")
    details(
        [
            ("requests", f"{check.lines:,}"),
            ("bytes", f"{check.bytes:,}"),
            ("problems", f"{check.problem_count:,}"),
            ("endpoints", _counted(check.endpoints)),
            ("models", _counted(check.models)),
            ("limits of", verdict.account),
            ("index", None if check.problem_count else verdict.index),
        ]
    )


def _counted(counts: Any) -> str | None:
    return ", ".join(f"{name} ({count:,})" for name, count in counts.items()) or None


def _record(verdict: Verdict) -> dict[str, Any]:
    check = verdict.check
    written = verdict.index if not check.problem_count else None
    return {
        "file": str(verdict.file),
        "valid": not check.problem_count,
        "lines": check.lines,
        "bytes": check.bytes,
        "digest": check.digest,
        "endpoint": check.endpoint,
        "endpoints": dict(check.endpoints),
        "models": dict(check.models),
        "problem_count": check.problem_count,
        "problems": [asdict(one) for one in check.problems],
        "warnings": verdict.warnings,
        "account": verdict.account,
        "index": None if written is None else str(written),
    }
