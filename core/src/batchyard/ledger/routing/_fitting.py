"""What an account would be sent, and whether it takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from batchyard.ledger.accounts import Served
from batchyard.ledger.records import FileRecord
from batchyard.ledger.routing._directory import Directory
from batchyard.ledger.routing._weighing import in_order
from batchyard.lines import renamed_growth

__all__ = ["Carried", "Route", "carried", "renames_at"]


@dataclass(frozen=True, slots=True)
class Route:
    """The account that takes a batch, and what that calls the models of its lines, if otherwise."""

    served: Served
    renames: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Carried:
    """A file as an account would be sent it; ``bytes`` is a bound."""

    lines: int
    bytes: int
    models: tuple[str, ...]


def renames_at(directory: Directory, account: str, file: FileRecord, seed: str) -> dict[str, str]:
    """What the account calls the models of the lines; of several deployments, one by weight."""
    found: dict[str, str] = {}
    for model in file.models:
        here = [one for one in directory.accounts_of(model) if one.account == account]
        weights = {one.model or model: float(one.weight) for one in here}
        if weights:
            chosen = in_order(weights, f"{seed}\0{account}\0{model}")[0]
            if chosen != model:
                found[model] = chosen
    return found


def carried(file: FileRecord, renames: Mapping[str, str]) -> Carried:
    size = file.bytes if file.sent_bytes is None else file.sent_bytes
    return Carried(
        (file.lines or 0) - file.refused,
        size + renamed_growth(file.models, renames),
        tuple(dict.fromkeys(renames.get(one, one) for one in file.models)),
    )
