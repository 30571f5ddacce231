"""Batch files: JSONL, line by line.

Hot code: it decodes no more of a line than it needs, and holds no more of a file
than a block and a line.
"""

from __future__ import annotations

from batchyard.lines._check import FileCheck, check_arriving, check_file, check_source
from batchyard.lines._entries import hash_id, hash_ids
from batchyard.lines._index import LineIndex
from batchyard.lines._index_writer import IndexInfo, LineIndexWriter
from batchyard.lines._inputs import InputLine, decode_input
from batchyard.lines._regular import blocks, open_regular
from batchyard.lines._renaming import rename_models, renamed_growth
from batchyard.lines._result_index import ResultIndexInfo, index_results
from batchyard.lines._results import (
    ResultError,
    ResultLine,
    ResultResponse,
    decode_result,
    outcome_of,
)
from batchyard.lines._split import (
    MAX_LINE,
    MAX_RESULT_LINE,
    PIECE,
    RawLine,
    count_lines,
    is_blank,
    lines_in,
    pieces,
    split,
)
from batchyard.lines._unanswered import (
    NEVER_RUN,
    NO_RESULT,
    TWICE,
    UNREADABLE,
    refusal_of,
    result_without_response,
)

__all__ = [
    "MAX_LINE",
    "MAX_RESULT_LINE",
    "NEVER_RUN",
    "NO_RESULT",
    "PIECE",
    "TWICE",
    "UNREADABLE",
    "FileCheck",
    "IndexInfo",
    "InputLine",
    "LineIndex",
    "LineIndexWriter",
    "RawLine",
    "ResultError",
    "ResultIndexInfo",
    "ResultLine",
    "ResultResponse",
    "blocks",
    "check_arriving",
    "check_file",
    "check_source",
    "count_lines",
    "decode_input",
    "decode_result",
    "hash_id",
    "hash_ids",
    "index_results",
    "is_blank",
    "lines_in",
    "open_regular",
    "outcome_of",
    "pieces",
    "refusal_of",
    "rename_models",
    "renamed_growth",
    "result_without_response",
    "split",
]
