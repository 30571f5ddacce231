"""The examples in the docstrings of the contract, taken out and executed."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any, get_type_hints

import batchyard.effects
import batchyard.lines
import batchyard.models
from batchyard import hookspecs

SPECS: dict[str, type] = {
    "providers": hookspecs.ProviderSpec,
    "listeners": hookspecs.ListenerSpec,
    "sinks": hookspecs.SinkSpec,
    "gates": hookspecs.GateSpec,
    "prices": hookspecs.PriceSpec,
    "engines": hookspecs.EngineSpec,
}

HOOKS: list[tuple[str, str]] = [
    (group, name)
    for group, spec in SPECS.items()
    for name, value in vars(spec).items()
    if inspect.isfunction(value)
]


def spec_of(group: str, hook: str) -> Callable[..., Any]:
    function: Callable[..., Any] = vars(SPECS[group])[hook]
    return function


def hints_of(group: str, hook: str) -> dict[str, Any]:
    """The types a spec names, found among the public names of the contract's modules."""
    modules = (batchyard.effects, batchyard.lines, batchyard.models, hookspecs)
    public = {name: getattr(one, name) for one in modules for name in one.__all__}
    spec = spec_of(group, hook)
    return get_type_hints(spec, {**vars(inspect.getmodule(spec)), **public})


def example_in(documented: Any) -> str:
    """The code of the docstring's one example, which is also its end."""
    text = inspect.getdoc(documented) or ""
    _, found, code = text.partition("Example::\n")
    assert found, f"{documented} has no example"
    lines = code.strip("\n").splitlines()
    assert all(not line or line.startswith("    ") for line in lines), "text follows the example"
    return textwrap.dedent("\n".join(lines))


def example_class(documented: Any) -> type:
    """What the example defines, executed as a reader who pasted it would."""
    namespace: dict[str, Any] = {"__name__": "pasted"}
    exec(compile(example_in(documented), "<example>", "exec"), namespace)  # noqa: S102 - our own text
    kind = namespace["Example"]
    assert isinstance(kind, type)
    return kind
