"""Middleware wraps whole operations, in both colours alike."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any

import pytest

from batchyard.errors import PluginContractError, RateLimitError
from batchyard.hookspecs import hookimpl
from batchyard.models import Batch, Ref
from batchyard.registry import Account, Registry
from tests.registry.colours import BATCH, CALL, WRAPPER, Provider, Runs, Wrapping, account
from tests.registry.distributions import Site

pytestmark = pytest.mark.usefixtures("nothing_is_left_unawaited")


def retrieved(runs: Runs, at: Account) -> Batch:
    batch: Batch = runs.plan(at, lambda: at.retrieve_batch(CALL, BATCH))
    return batch


class Noting:
    """Notes when the operation it wraps begins and ends."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes

    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        plan = yield
        return self.noted(plan)

    async def noted(self, plan: Awaitable[Any]) -> Any:
        self.notes.append(f"{self.name} begins")
        try:
            return await plan
        finally:
            self.notes.append(f"{self.name} ends")


def test_the_first_configured_is_the_outermost(runs: Runs) -> None:
    notes: list[str] = []
    at = account(Provider(), Noting("a", notes), Noting("b", notes), Noting("c", notes))
    assert retrieved(runs, at).status == "completed"
    assert notes == ["a begins", "b begins", "c begins", "c ends", "b ends", "a ends"]


def test_what_is_installed_is_outside_of_what_is_passed_in(runs: Runs, site: Site) -> None:
    site.provider()
    module = """
from batchyard.hookspecs import hookimpl
NOTES = []
class Outer:
    @hookimpl(wrapper=True)
    def retrieve_batch(self):
        plan = yield
        return self.noted(plan)
    async def noted(self, plan):
        NOTES.append("installed")
        return await plan
"""
    site.add("outer-pkg", {"middleware": "outer = outer_module:Outer"}, {"outer_module": module})
    import outer_module  # type: ignore[import-not-found]  # noqa: PLC0415 - installed by the test

    passed = [Noting("a", outer_module.NOTES), Noting("b", outer_module.NOTES)]
    at = Registry({}).account("acme", {"key": "k"}, middleware=passed)
    retrieved(runs, at)
    assert outer_module.NOTES == ["installed", "a begins", "b begins", "b ends", "a ends"]


class RaisesBefore:
    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        self.refuse()
        return (yield)

    def refuse(self) -> None:
        raise LookupError("before")


class RaisesWithThePlan:
    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        yield
        raise LookupError("with the plan")


class RaisesInsideAtOnce:
    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        yield
        return self.raising()

    async def raising(self) -> Any:
        raise LookupError("inside, at once")


class RaisesInsideAtTheEnd:
    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        plan = yield
        return self.raising(plan)

    async def raising(self, plan: Awaitable[Any]) -> Any:
        await plan
        raise LookupError("inside, at the end")


@pytest.mark.parametrize(
    ("middleware", "acts"),
    [
        (RaisesBefore(), []),
        (RaisesWithThePlan(), []),
        (RaisesInsideAtOnce(), []),
        (RaisesInsideAtTheEnd(), ["begins", "ends"]),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("around", [False, True], ids=["alone", "among others"])
def test_what_a_middleware_raises_reaches_the_caller(
    runs: Runs, middleware: object, acts: list[str], *, around: bool
) -> None:
    provider = Provider()
    others = [Noting("a", []), middleware, Noting("b", [])] if around else [middleware]
    with pytest.raises(LookupError, match=r"^(before|with the plan|inside, at (once|the end))$"):
        retrieved(runs, account(provider, *others))
    assert provider.acts == acts


class Replaces:
    """Swallows what the provider raises, and answers in its stead."""

    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        plan = yield
        return self.replaced(plan)

    async def replaced(self, plan: Awaitable[Any]) -> Any:
        try:
            return await plan
        except RateLimitError as error:
            return Batch(id="replaced", status=str(error))


def test_a_failure_inside_the_plan_can_be_swallowed_and_replaced(runs: Runs) -> None:
    notes: list[str] = []
    at = account(Provider(RateLimitError("slow down", status=429)), Noting("a", notes), Replaces())
    assert retrieved(runs, at).id == "replaced"
    assert notes == ["a begins", "a ends"]


def test_a_failure_that_is_not_swallowed_is_seen_by_every_middleware(runs: Runs) -> None:
    notes: list[str] = []
    at = account(Provider(ConnectionError("lost")), Noting("a", notes), Replaces())
    with pytest.raises(ConnectionError, match="lost"):
        retrieved(runs, at)
    assert notes == ["a begins", "a ends"]


class SwallowsARaisingMiddleware:
    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        try:
            return (yield)
        except LookupError as error:
            return self.instead(error)

    async def instead(self, error: Exception) -> Any:
        return Batch(id=f"instead of {error}")


def test_a_middlewares_own_failure_can_be_replaced_by_one_outside_of_it(runs: Runs) -> None:
    at = account(Provider(), SwallowsARaisingMiddleware(), RaisesWithThePlan())
    assert retrieved(runs, at).id == "instead of with the plan"


class Cache:
    def __init__(self) -> None:
        self.kept: dict[str, Batch] = {}

    @WRAPPER
    def retrieve_batch(self, batch: Ref) -> Wrapping:
        plan = yield
        return self.cached(batch.id, plan)

    async def cached(self, key: str, plan: Awaitable[Batch]) -> Batch:
        if key not in self.kept:
            self.kept[key] = await plan
        return self.kept[key]


def test_a_cache_need_not_run_the_plan_it_was_given(runs: Runs) -> None:
    provider = Provider()
    at = account(provider, Noting("a", []), Cache(), Noting("b", []))
    assert [retrieved(runs, at).id for _ in range(3)] == ["batch-1"] * 3
    assert provider.acts == ["begins", "ends"]


class Passes:
    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        return (yield)


class TakesFromAList:
    """Holds the plan nowhere but in the await itself."""

    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        plans = [(yield)]
        return self.taken(plans)

    async def taken(self, plans: list[Awaitable[Any]]) -> Any:
        return await plans.pop()


class OldStyle:
    @hookimpl(hookwrapper=True)
    def retrieve_batch(self) -> Generator[None, Any, None]:
        outcome = yield
        outcome.force_result(Noting("old", []).noted(outcome.get_result()))


@pytest.mark.parametrize("middleware", [Passes(), TakesFromAList(), OldStyle()])
def test_however_the_plan_is_handed_on_it_runs(runs: Runs, middleware: object) -> None:
    provider = Provider()
    at = account(provider, Passes(), middleware, Passes())
    assert retrieved(runs, at).status == "completed"
    assert provider.acts == ["begins", "ends"]


class Forgets:
    @WRAPPER
    def retrieve_batch(self) -> Wrapping:
        yield


def test_a_middleware_that_returns_no_plan_is_told(runs: Runs) -> None:
    at = account(Provider(), Forgets())
    with pytest.raises(PluginContractError) as caught:
        retrieved(runs, at)
    assert str(caught.value) == (
        "retrieve_batch of acme, or of a middleware around it, must return a plan "
        "(an async def's coroutine), not NoneType"
    )


def test_the_same_middleware_may_wrap_two_accounts(runs: Runs) -> None:
    notes: list[str] = []
    noting = Noting("a", notes)
    for at in (account(Provider(), noting), account(Provider(), noting)):
        retrieved(runs, at)
    assert notes == ["a begins", "a ends"] * 2


def test_two_of_one_class_both_wrap(runs: Runs, site: Site) -> None:
    site.provider()
    notes: list[str] = []
    passed = [Noting("a", notes), Noting("b", notes)]
    retrieved(runs, Registry({}).account("acme", {"key": "k"}, middleware=passed))
    assert notes == ["a begins", "b begins", "b ends", "a ends"]
