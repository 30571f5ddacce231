"""The gate ``budget``: what keys, owners, teams and tags may spend in a day, week or month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from batchyard.hookspecs import Admission, Forecast, Reservation, Verdict, hookimpl
from batchyard.models import BatchRequest, Identity

__all__ = ["Budget", "BudgetSettings", "Budgets"]

EACH_OTHER = "*"

KINDS = ("key", "owner", "team", "tag")

Period = Literal["day", "week", "month", "total"]


class Budget(BaseModel):
    """One budget, or with ``"*"`` one for each other one, of which there is none by name.

    One that names neither key, owner, team nor tag is for all batches together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str | None = Field(default=None, min_length=1, description="an API key's id, or *")
    owner: str | None = Field(default=None, min_length=1, description="an owner, or *")
    team: str | None = Field(default=None, min_length=1, description="a team, or *")
    tag: str | None = Field(default=None, min_length=1, description="a tag, or *")
    limit: Decimal = Field(ge=0, lt=1_000_000_000, description="US dollars")
    period: Period = Field(
        default="month", description="day, week (from Monday), month, all of UTC; or total"
    )
    allow_unpriced: bool = Field(
        default=False, description="let models pass whose price nobody knows; they count as 0 then"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        named = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(named) > 1:
            raise ValueError(f"a budget is for one of {', '.join(KINDS)}, not for several")
        return self

    @property
    def kind(self) -> str:
        return next((kind for kind in KINDS if getattr(self, kind) is not None), "all")

    @property
    def whose(self) -> str:
        return "" if self.kind == "all" else str(getattr(self, self.kind))


class BudgetSettings(BaseModel):
    """The budgets, all of which a batch has to fit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    budgets: tuple[Budget, ...] = Field(min_length=1, description="the budgets")
    output_tokens: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="how many tokens an answer is expected to have, where its line allows as many",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        seen = [(one.kind, one.whose, one.period) for one in self.budgets]
        twice = next((one for one in seen if seen.count(one) > 1), None)
        if twice is not None:
            raise ValueError(f"there are two budgets for {' '.join(filter(None, twice))}")
        return self


class Budgets:
    """Reserves of each budget what a batch is expected to cost.

    What it cost in the end takes the reservation's place when it is settled.
    """

    Settings = BudgetSettings

    def __init__(self, settings: BudgetSettings) -> None:
        self._settings = settings

    @hookimpl
    def check_batch(self, batch: BatchRequest, admission: Admission | None) -> Verdict:  # noqa: ARG002 - a hook's argument
        if admission is None:
            return Verdict.refuse(
                "ledger_needed", "Budgets are kept in a ledger, and there is none here."
            )
        found = list(self._of(admission.identity))
        if not found:
            return Verdict.keep()
        forecast = admission.forecast(self._settings.output_tokens)
        for name, budget in found:
            if not _is_known(forecast) and not budget.allow_unpriced:
                return _unpriced(name, forecast)
        amount = forecast.priced if forecast.expected is None else forecast.expected
        return Verdict.keep(
            *(
                Reservation(name, amount or Decimal(0), budget.limit, _since(budget, admission.at))
                for name, budget in found
            )
        )

    def _of(self, who: Identity) -> Iterator[tuple[str, Budget]]:
        """The budgets that count for somebody, by their names."""
        budgets = self._settings.budgets
        for budget in budgets:
            for whose in _names(budget.kind, who):
                own = {
                    one.whose
                    for one in budgets
                    if (one.kind, one.period) == (budget.kind, budget.period)
                }
                if budget.whose in {whose, ""} or (
                    budget.whose == EACH_OTHER and whose not in own - {EACH_OTHER}
                ):
                    yield _called(budget, whose), budget


def _names(kind: str, who: Identity) -> tuple[str, ...]:
    """What somebody is called, as budgets of that kind name them."""
    if kind == "tag":
        return tuple(dict.fromkeys(who.tags))
    if kind == "all":
        return ("",)
    name = getattr(who, kind)
    return (name,) if name else ()


def _called(budget: Budget, whose: str) -> str:
    return " ".join(filter(None, (budget.kind, whose, f"({budget.period})")))


def _is_known(forecast: Forecast) -> bool:
    return forecast.expected is not None and not forecast.unpriced


def _unpriced(name: str, forecast: Forecast) -> Verdict:
    models = ", ".join(map(repr, forecast.unpriced[:5])) or "what it asks for"
    return Verdict.refuse(
        "unpriced_model",
        f"Nobody knows the price of {models}, and the budget {name!r} takes only what has one.",
        "body.model",
    )


def _since(budget: Budget, at: float) -> float:
    """When the period began that *at* is in."""
    if budget.period == "total":
        return 0.0
    day = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if budget.period == "week":
        day -= timedelta(days=day.weekday())
    elif budget.period == "month":
        day = day.replace(day=1)
    return day.timestamp()
