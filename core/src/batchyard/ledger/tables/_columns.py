"""Columns that many tables have."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Dialect, Double, Integer, MetaData, String
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = [
    "Document",
    "Number",
    "Text",
    "claim",
    "count",
    "maybe",
    "metadata",
    "text",
    "time",
    "who",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the key is an INTEGER."""


Document = JSON(none_as_null=True)
"""Of a column that may be empty: without it ``None`` is JSON's null, which is not NULL."""


class Text(TypeDecorator[str]):
    """Text that comes from outside.

    Without NUL, which Postgres does not take, and half a surrogate pair, which no database does.
    """

    impl = String
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        return str

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the base class's signature
        if not value:
            return value
        whole = value if value.isascii() else value.encode(errors="replace").decode()
        return whole.replace("\x00", "")


def text(name: str, *, null: bool = True, key: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null and not key, primary_key=key)


def count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, default=0)


def maybe(name: str, kind: type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=True)


def time(name: str, *, null: bool = True) -> Column[float]:
    return Column(name, Double, nullable=null)


def who() -> tuple[Column[object], ...]:
    """For whom it is, as it was at create."""
    return (
        Column("owner", Text, nullable=False, default=""),
        Column("team", Text, nullable=True),
        Column("tags", JSON, nullable=False, default=list),
        # the id of the key that was used, where there was one
        Column("key_id", Text, nullable=True),
    )


def claim() -> tuple[Column[object], ...]:
    """Who works on the row just now.  ``epoch`` grows with each claim and fences the last one."""
    return (
        Column("lease_until", Double, nullable=True),
        Column("epoch", BigInteger, nullable=False, default=0),
    )
