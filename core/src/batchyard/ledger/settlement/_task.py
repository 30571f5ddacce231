"""What a settlement is given, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from batchyard.lines import ResultLine
from batchyard.models import BatchError, Proof, Usage

__all__ = [
    "FilePaths",
    "JobFiles",
    "SettleTask",
    "Settled",
    "UsageKey",
    "UsageSum",
    "Written",
    "bucket_of",
]

SHORT = 32_000
"""Input tokens up to which no price depends on how many they are."""


@dataclass(frozen=True, slots=True)
class JobFiles:
    """One job, and what it left.

    ``models`` are those that its account was asked for; ``outcome_of_absent`` is its
    terminal status, which tells what became of lines that it has no row for.
    ``results`` are its output and error files as they were downloaded, if it has any.
    ``sent`` is what the provider was given, where that is not the batch's input:
    the line numbers of ``errors`` are of that file.  ``index`` is a line index
    of what the job carries, where that is not the whole batch.  ``usage_of``
    reads its tokens, where the jobs are of accounts that do not read them alike.
    """

    job: str
    models: tuple[str, ...] = ()
    outcome_of_absent: str = "completed"
    errors: tuple[BatchError, ...] = ()
    results: tuple[Path, ...] = ()
    sent: Path | None = None
    index: Path | None = None
    usage_of: Callable[[ResultLine], Usage] | None = None


@dataclass(frozen=True, slots=True)
class FilePaths:
    """Where a result file is written, and the index that puts its rows in order."""

    content: Path
    offsets: Path


@dataclass(frozen=True, slots=True)
class SettleTask:
    """All that is needed to settle a batch, wherever that is done.

    ``input`` is ``None`` where it could not be read; ``index`` is its line
    index, which is made where there is none.  ``refusals`` has the lines that
    gates left out.  ``output`` takes the rows of the lines that are ``ok``,
    ``errors`` all others.  ``scratch`` is a folder on their disk for what is
    needed in between.  ``strays``, if it is wanted, takes the rows that go to
    nobody: second ones, those of no line, and what cannot be read.
    """

    usage_of: Callable[[ResultLine], Usage]
    jobs: tuple[JobFiles, ...]
    output: FilePaths
    errors: FilePaths
    scratch: Path
    input: Path | None = None
    index: Path | None = None
    refusals: Path | None = None
    strays: Path | None = None
    digests: bool = False


@dataclass(frozen=True, slots=True)
class UsageKey:
    """What has one price.

    ``model`` is the response's, or the one that its job asked for, or ``None``.
    ``bucket`` is 0 up to 32,000 input tokens, and above that their number in
    thousands, without the one that makes it a full thousand: a threshold of
    whole thousands separates buckets.  ``day`` is the Unix day of the response,
    0 where it does not say.
    """

    model: str | None
    job: str
    bucket: int
    day: int


@dataclass(frozen=True, slots=True)
class UsageSum:
    """``lines`` were answered, ``unknown_lines`` of them without saying what they used."""

    lines: int
    unknown_lines: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class Written:
    """A result file: its size, its rows, and the SHA-256 of it in the order of the input."""

    bytes: int
    lines: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What the files of a batch came to.  ``usages`` has every answer that was paid for."""

    proof: Proof
    usages: Mapping[UsageKey, UsageSum]
    output: Written
    errors: Written

    @property
    def missing(self) -> int:
        """Lines without any result."""
        return self.proof.outcomes.get("missing", 0)

    @property
    def usage(self) -> Usage:
        return sum((one.usage for one in self.usages.values()), Usage())


def bucket_of(input_tokens: int) -> int:
    """See :class:`UsageKey`."""
    return 0 if input_tokens <= SHORT else (input_tokens - 1) // 1000
