"""Files, and lists of things."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AliasChoices, BeforeValidator, Field

from batchyard.models._tolerance import Lenient, ObjectModel, OptionalId, UnixTime, named

__all__ = ["FileDeleted", "FileObject", "Page"]

T = TypeVar("T")


class FileObject(ObjectModel):
    """A file at a provider (OpenAI API reference, File object).  Times are Unix seconds.

    ``provider_state`` is what the provider needs to find its way back to the
    file.  It is opaque, JSON, and not part of the dump.  ``replayed`` says, of a
    file that was just created, that it was there before, under the same
    idempotency key; it is not part of the dump either.
    """

    id: str = Field(min_length=1)
    object: Annotated[str, named("file")] = "file"
    bytes: Lenient[int] = None
    created_at: UnixTime = None
    expires_at: UnixTime = None
    filename: Lenient[str] = None
    purpose: Lenient[str] = None
    status: Lenient[str] = None
    status_details: Lenient[str] = None
    replayed: bool = Field(default=False, exclude=True)
    provider_state: dict[str, Any] | None = Field(default=None, exclude=True, repr=False)


class FileDeleted(ObjectModel):
    """The answer to a delete."""

    id: str = Field(min_length=1)
    object: Annotated[str, named("file")] = "file"
    deleted: bool = True


class Page(ObjectModel, Generic[T]):
    """One page of a list, newest first unless asked otherwise.

    ``data`` must be there: a look-up that took an odd reply for an empty list
    would find nothing, and have a batch created twice.

    Some services call it ``value``.

    ``cursor`` is the provider's own way to the next page where that is not the
    last id.  It is not part of the dump.
    """

    object: Annotated[str, named("list")] = "list"
    data: list[T] = Field(validation_alias=AliasChoices("data", "value"))
    first_id: OptionalId = None
    last_id: OptionalId = None
    has_more: Annotated[bool, BeforeValidator(lambda value: value or False)] = False
    cursor: str | None = Field(default=None, exclude=True, repr=False)

    def __iter__(self) -> Iterator[T]:  # type: ignore[override]
        """The items, as the official package's pages have it, and not the fields."""
        return iter(self.data)

    @property
    def next_after(self) -> str | None:
        """What to pass as ``after`` for the next page, or ``None`` at the end.

        An empty page ends the walk even if it says that there is more: a
        follow-up would ask for the same page for ever.
        """
        if not (self.has_more and self.data):
            return None
        return self.cursor or self.last_id or getattr(self.data[-1], "id", None)
