from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from batchyard.emulators.openai_wire._errors import ApiError, out_of_range, wrong_choice, wrong_type


class Listed(Protocol):
    """Something with a place in a list: the second of its creation, then a running number."""

    @property
    def place(self) -> tuple[int, int]: ...


T = TypeVar("T", bound=Listed)


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is asked for."""

    limit: int
    after: Listed | None
    is_ascending: bool = False

    def select(self, items: Sequence[T]) -> tuple[list[T], bool]:
        """The items of this window, and whether more follow. `items` come oldest first.

        Cut by place, not by time: two things may be created in one second.
        """
        ordered = list(items if self.is_ascending else reversed(items))
        if self.after is not None:
            mark, is_ascending = self.after.place, self.is_ascending
            ordered = [i for i in ordered if (i.place > mark if is_ascending else i.place < mark)]
        return ordered[: self.limit], len(ordered) > self.limit


def read_limit(query: Mapping[str, str], default: int, most: int) -> int:
    text = query.get("limit")
    if text is None:
        return default
    try:
        limit = int(text)
    except ValueError as error:
        raise wrong_type("limit", "an integer", text) from error
    if not 1 <= limit <= most:
        raise out_of_range("limit", limit, 1, most)
    return limit


def read_order(query: Mapping[str, str]) -> bool:
    """Whether the list is to be ascending."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise wrong_choice("order", order, ("asc", "desc"))
    return order == "asc"


def refuse_unknown(query: Mapping[str, str], known: tuple[str, ...]) -> None:
    for name in query:
        if name not in known:
            raise ApiError(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def page_document(documents: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": documents,
        "first_id": documents[0]["id"] if documents else None,
        "last_id": documents[-1]["id"] if documents else None,
        "has_more": has_more,
    }
