"""The index of a result file."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from batchyard.lines._index_writer import LineIndexWriter
from batchyard.lines._regular import StrPath, blocks, open_regular
from batchyard.lines._results import decode_result
from batchyard.lines._split import MAX_RESULT_LINE, is_blank, split

__all__ = ["ResultIndexInfo", "index_results"]

MAX_MALFORMED = 1000
"""Malformed lines told in detail."""


@dataclass(frozen=True, slots=True)
class ResultIndexInfo:
    """What an index of results has, and which lines (counted from 1) are not in it, and why.

    ``malformed`` has the first 1,000 of them, ``malformed_count`` how many there are.
    """

    count: int
    digest: str
    malformed: tuple[tuple[int, str], ...]
    malformed_count: int


def index_results(source_path: StrPath, index_path: StrPath) -> ResultIndexInfo:
    """Write the index of a result file on disk.  A malformed line costs that line."""
    malformed: list[tuple[int, str]] = []
    malformed_count = 0
    with open_regular(source_path) as file, LineIndexWriter(index_path) as writer:
        lines = enumerate(split(blocks(file), MAX_RESULT_LINE), 1)
        for number, (offset, length, data) in lines:
            if is_blank(data):
                continue
            try:
                custom_id = _custom_id(data)
            except msgspec.DecodeError as error:
                malformed_count += 1
                if malformed_count <= MAX_MALFORMED:
                    malformed.append((number, str(error)))
            else:
                writer.add(custom_id, offset, length)
        info = writer.finish()
    return ResultIndexInfo(info.count, info.digest, tuple(malformed), malformed_count)


class _Keyed(msgspec.Struct, gc=False):
    custom_id: str


_decode = msgspec.json.Decoder(_Keyed).decode


def _custom_id(data: bytes | None) -> str:
    if data is None:
        raise msgspec.DecodeError(f"longer than {MAX_RESULT_LINE >> 20} MiB")
    try:
        return _decode(data).custom_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return decode_result(data).custom_id
