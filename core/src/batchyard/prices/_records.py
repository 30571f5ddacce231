"""Rates as JSON, to be kept with what was priced by them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from batchyard.models import Rates
from batchyard.prices._book import AMOUNTS

__all__ = ["rates_from_record", "rates_record"]

LONG = "long_context"


def rates_record(rates: Rates) -> dict[str, Any]:
    """What JSON can say; amounts are texts, so that no digit is lost."""
    record: dict[str, Any] = {}
    for name in (field.name for field in fields(rates)):
        value = getattr(rates, name)
        if name == LONG:
            value = value and rates_record(value)
        elif name in AMOUNTS and value is not None:
            value = format(value, "f")
        if value is not None:
            record[name] = value
    return record


def rates_from_record(record: Mapping[str, Any]) -> Rates:
    """The rates of :func:`rates_record`; what a later version added to it is left out."""
    known = {field.name for field in fields(Rates)} & record.keys()
    values = {name: record[name] for name in known}
    values |= {name: Decimal(record[name]) for name in known & {*AMOUNTS}}
    if values.get(LONG):
        values[LONG] = rates_from_record(values[LONG])
    return Rates(**values)
