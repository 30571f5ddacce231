"""What is configured of the sink."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["SqlSettings"]

NEEDS = {"postgresql": "psycopg", "duckdb": "duckdb"}

NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"


class SqlSettings(BaseModel):
    """A database, and where in it the tables are."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    url: SecretStr = Field(
        description="postgresql://host/database with user and password, or "
        "duckdb:///path/to/file.duckdb"
    )
    db_schema: str = Field(
        default="batchyard", pattern=NAME, description="the schema that the tables are in"
    )
    settlements: str = Field(
        default="settlements", pattern=NAME, description="the table of what batches came to"
    )
    items: str = Field(
        default="settlement_items", pattern=NAME, description="the table of that by model"
    )
    create: bool = Field(
        default=True, description="make schema and tables where they are not there"
    )

    @field_validator("url")
    @classmethod
    def _known(cls, value: SecretStr) -> SecretStr:
        scheme, _, rest = value.get_secret_value().partition("://")
        if scheme not in NEEDS or not rest.strip("/"):
            raise ValueError("must be postgresql://… or duckdb:///path")
        if find_spec(NEEDS[scheme]) is None:
            extra = "postgres" if scheme == "postgresql" else scheme
            raise ValueError(f"needs {NEEDS[scheme]}: pip install 'batchyard-sql[{extra}]'")
        return value
