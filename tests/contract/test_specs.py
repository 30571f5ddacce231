from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Coroutine
from typing import get_origin

import pytest

from batchyard import hookspecs
from batchyard.registry import OPERATIONS
from tests.contract.examples import HOOKS, SPECS, example_in, hints_of, spec_of

each_hook = pytest.mark.parametrize(("group", "hook"), HOOKS)


@each_hook
def test_every_spec_says_what_it_takes_and_returns(group: str, hook: str) -> None:
    signature = inspect.signature(spec_of(group, hook))
    parameters = [one for name, one in signature.parameters.items() if name != "self"]
    assert [one.name for one in parameters if one.annotation is one.empty] == []
    assert signature.return_annotation is not signature.empty
    # and each name can be imported from a public module of the contract
    assert set(hints_of(group, hook)) == {*(one.name for one in parameters), "return"}


@each_hook
def test_every_spec_has_a_sentence_and_an_example(group: str, hook: str) -> None:
    first = (inspect.getdoc(spec_of(group, hook)) or "").partition("Example::")[0]
    assert first.strip().endswith((".", ":"))
    assert f" {hook}(self" in example_in(spec_of(group, hook))


@each_hook
def test_a_spec_has_no_defaults_since_every_argument_is_always_passed(
    group: str, hook: str
) -> None:
    parameters = inspect.signature(spec_of(group, hook)).parameters.values()
    assert {one.kind for one in parameters} == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert all(one.default is one.empty for one in parameters)


@pytest.mark.parametrize("hook", OPERATIONS)
def test_operations_return_plans_and_take_the_call_first(hook: str) -> None:
    hints = hints_of("providers", hook)
    wanted = AsyncGenerator if hook == "file_content" else Coroutine
    assert get_origin(hints["return"]) is wanted
    assert next(iter(hints)) == "call"


def test_the_packages_table_has_every_group_and_names_its_spec() -> None:
    text = inspect.getdoc(hookspecs) or ""
    rows = [line for line in text.splitlines() if line.startswith("batchyard.")]
    named = {row.split()[0].removeprefix("batchyard."): row for row in rows}
    assert {group for group in SPECS if SPECS[group].__name__ in named[group]} == set(SPECS)
    assert set(named) == {*SPECS, "middleware", "emulators", "commands"}
