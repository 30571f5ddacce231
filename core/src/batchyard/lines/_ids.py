"""Whether all ids of a file differ."""

from __future__ import annotations

from array import array

__all__ = ["RememberedIds"]

MAX_NOTED = 4_194_304
"""Ids in ascending order that are noted, in 32 MB."""

MAX_REMEMBERED = 524_288
"""Ids in any order that are remembered, in about 40 MB."""


class RememberedIds:
    """Whether all ids of a file of ordinary size differ, at a tenth of an index's cost.

    An id that is greater than all before it is new.  Most files number their
    lines, so a set, whose every look-up is a miss of the processor's cache, is
    made only when the order ends.  Greater is longer, or later in the alphabet:
    so it is for numbers too, with zeros before them or without.
    """

    def __init__(self) -> None:
        self.all_differ = True
        """False also when they are too many to know."""
        self._greatest = (0, "")
        self._noted = array("q")
        self._remembered: set[int] | None = None

    def add(self, custom_id: str, _offset: int, _length: int) -> None:
        self._add([custom_id])

    def add_all(self, custom_ids: list[str], _data: bytes, _offset: int) -> None:
        self._add(custom_ids)

    def _add(self, custom_ids: list[str]) -> None:
        if not self.all_differ:
            return
        hashes = list(map(hash, custom_ids))
        if self._remembered is None and self._ascend(custom_ids):
            self._noted.extend(hashes)
            self.all_differ = len(self._noted) <= MAX_NOTED
        else:
            self._remember(hashes)
        if not self.all_differ:
            self._noted = array("q")
            self._remembered = None

    def _ascend(self, custom_ids: list[str]) -> bool:
        lengths = list(map(len, custom_ids))
        if lengths.count(lengths[0]) == len(lengths):
            ordered = sorted(custom_ids)
        else:
            ordered = sorted(custom_ids, key=_rank)
        if ordered != custom_ids or len(set(ordered)) != len(ordered):
            return False
        if _rank(ordered[0]) <= self._greatest:
            return False
        self._greatest = _rank(ordered[-1])
        return True

    def _remember(self, hashes: list[int]) -> None:
        if self._remembered is None:
            self._remembered = set(self._noted)
            wanted = len(self._noted)
            self._noted = array("q")
        else:
            wanted = len(self._remembered)
        wanted += len(hashes)
        if wanted <= MAX_REMEMBERED:
            self._remembered.update(hashes)
        self.all_differ = len(self._remembered) == wanted


def _rank(custom_id: str) -> tuple[int, str]:
    return len(custom_id), custom_id
