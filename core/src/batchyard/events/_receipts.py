"""The stable JSON form of a receipt, in events and wherever one is saved."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from batchyard.errors import InputError
from batchyard.models import Receipt

__all__ = ["plain", "receipt_from_json", "receipt_to_json"]


def receipt_to_json(receipt: Receipt) -> dict[str, Any]:
    """Numbers, strings, lists and objects; money is a string, for it is exact."""
    record: dict[str, Any] = plain(receipt)
    record["proof"]["complete"] = receipt.proof.complete
    return record


def receipt_from_json(record: Any) -> Receipt:
    """The receipt of :func:`receipt_to_json`; fields that are not known are passed over.

    Raises :class:`InputError` for what is no receipt.
    """
    try:
        return msgspec.convert(record, Receipt)
    except msgspec.ValidationError as error:
        raise InputError(f"this is no receipt: {error}") from error


def plain(value: object) -> Any:
    """*value* as JSON can have it."""
    return _spelled(msgspec.to_builtins(value, builtin_types=(Decimal,)))


def _spelled(value: Any) -> Any:
    """Decimals without exponents, which not every reader knows; tuples as the lists they become."""
    kind = type(value)
    # by the types that msgspec makes: a match would ask each of them whether it is a Mapping
    if kind is Decimal:
        return f"{value:f}"
    if kind is dict:
        return {name: _spelled(one) for name, one in value.items()}
    if kind is list or kind is tuple:
        return [_spelled(one) for one in value]
    return value
