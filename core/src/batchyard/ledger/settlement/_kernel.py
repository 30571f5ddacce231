"""The settlement of one batch, from files to files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace

from batchyard.ledger.settlement._absences import Absences
from batchyard.ledger.settlement._content import ResultContent
from batchyard.ledger.settlement._inputs import groups_of, input_index
from batchyard.ledger.settlement._matching import Matching
from batchyard.ledger.settlement._reading import Reading
from batchyard.ledger.settlement._rows import RESULT, VERDICT, Sorter
from batchyard.ledger.settlement._sources import Sources, Strays
from batchyard.ledger.settlement._task import (
    FilePaths,
    Settled,
    SettleTask,
    UsageKey,
    UsageSum,
    Written,
)
from batchyard.ledger.settlement._verdicts import Verdicts, whole_errors, whole_output
from batchyard.ledger.settlement._writing import ResultFile
from batchyard.lines import open_regular
from batchyard.models import Proof

__all__ = ["settle"]


def settle(task: SettleTask) -> Settled:
    """Account for every line, sum what was used, and write the result files.

    It blocks, and needs memory for some blocks and 65,536 records, whatever the
    files have.  Each result file is read once; rows are matched by ``custom_id``,
    never by position.  Of a line's rows a success counts before all else, then
    the earlier job's, then the earlier in its files; what any answer used is
    summed, since the provider bills it.  Raises :class:`BatchyardError` for
    files of ours that cannot be read; whatever a provider wrote is accounted for.
    """
    with ExitStack() as scope:
        sources = Sources(task, scope)
        strays = Strays(task.strays, sources, scope)
        rows, verdicts = _sorter(RESULT.size, task, scope), _sorter(VERDICT.size, task, scope)
        Reading(task.usage_of, sources, rows, strays).run()
        matching = Matching(sources, strays, verdicts)
        if task.input is None:
            file, known = None, None
            lines = matching.without_input(rows.sorted())
        else:
            file = scope.enter_context(open_regular(task.input))
            index, lines = input_index(task, task.input, verdicts, scope)
            known = lines
            matching.with_input(groups_of(index), rows.sorted(), file)
        output = ResultFile(task.output, whole_output(sources), scope)
        errors = ResultFile(task.errors, whole_errors(sources, lines), scope)
        outcomes = Verdicts(sources, Absences(task, scope), output, errors)
        outcomes.write(verdicts.sorted(), file)
        proof = Proof(
            known,
            dict(outcomes.outcomes),
            strays.duplicates,
            strays.strangers,
            strays.malformed,
        )
        return Settled(
            proof,
            _usages(sources),
            _digested(output.finish(), task.output, task),
            _digested(errors.finish(), task.errors, task),
        )


def _sorter(size: int, task: SettleTask, scope: ExitStack) -> Sorter:
    sorter = Sorter(size, task.scratch)
    scope.callback(sorter.close)
    return sorter


def _usages(sources: Sources) -> Mapping[UsageKey, UsageSum]:
    return {key: one for _, sums, _ in sources.of_jobs for key, one in sums.items().items()}


def _digested(written: Written, paths: FilePaths, task: SettleTask) -> Written:
    if not task.digests:
        return written
    sha256 = hashlib.sha256()
    if written.lines:
        with ResultContent(paths.content, paths.offsets) as content:
            for block in content.read():
                sha256.update(block)
    return replace(written, digest=sha256.hexdigest())
