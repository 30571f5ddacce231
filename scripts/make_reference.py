"""Writes docs/reference from the code.

python scripts/make_reference.py           write it
python scripts/make_reference.py --check   fail if it is not what would be written
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import batchyard
from batchyard import (
    client,
    drivers,
    emulators,
    errors,
    estimates,
    functions,
    hookspecs,
    lines,
    models,
    testing,
)
from batchyard.config import GateSettings, LedgerSettings, PriceSettings, SinkSettings
from batchyard.events.jsonl import JsonlSettings
from batchyard.functions._content import BinaryContent
from batchyard.gates.budget import Budget, BudgetSettings
from batchyard.gates.models import ModelsSettings
from batchyard.gates.redact import RedactSettings
from batchyard.prices import PriceContext, PriceOptions
from batchyard.registry import ListenerCounts, Observation, Registry

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs/reference"
INTROS = tomllib.loads((ROOT / "scripts/reference.toml").read_text(encoding="utf-8"))
NOTE = "<!-- Made from the code by scripts/make_reference.py; do not edit. -->\n"
WIDTH = 88

SPECS = {
    "Providers": (hookspecs.ProviderSpec, "providers"),
    "Listeners": (hookspecs.ListenerSpec, "listeners"),
    "Sinks": (hookspecs.SinkSpec, "sinks"),
    "Gates": (hookspecs.GateSpec, "gates"),
    "Prices": (hookspecs.PriceSpec, "prices"),
    "Engines": (hookspecs.EngineSpec, "engines"),
}


def intro(name: str) -> str:
    text: str = INTROS[name]
    return text.strip()


def prose(docstring: str | None) -> str:
    """A docstring as Markdown."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r":class:`~?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    text = re.sub(r":\w+:`~?([\w.]+)`", r"`\1`", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    text = re.sub(r"\b([Aa]) (`[AEIOU][a-z])", r"\1n \2", text)
    return re.sub(r"(?<=[.!?])  (?=\S)", " ", text)


def summary(thing: object) -> str:
    """The first paragraph of what *thing* says of itself, on one line."""
    first = prose(vars(thing).get("__doc__")).partition("\n\n")[0]
    return " ".join(first.split())


def hook_text(docstring: str | None) -> str:
    """Prose, with the example as a block of Python."""
    said, _, example = prose(docstring).partition("Example::\n\n")
    code = textwrap.dedent(example).rstrip()
    return f"{said.rstrip()}\n\n```python\n{code}\n```" if code else said.rstrip()


def signature(name: str, function: Callable[..., Any]) -> str:
    """As it is written in the source, one argument a line where it is long."""
    found = inspect.signature(function)
    shown, starred = [], False
    for parameter in found.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
        starred = starred or parameter.kind in {parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL}
        shown.append(_parameter(parameter))
    returns = f" -> {found.return_annotation}" if isinstance(found.return_annotation, str) else ""
    line = f"{name}({', '.join(shown)}){returns}"
    if len(line) > WIDTH:
        line = f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + f"){returns}"
    return f"```text\n{line}\n```"


def _parameter(parameter: inspect.Parameter) -> str:
    stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
    typed = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}{typed}{default}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = [list(head), *(list(row) for row in rows)]
    cells.insert(1, ["---"] * len(cells[0]))
    return "\n".join(
        f"| {' | '.join(one.replace('|', chr(92) + '|') for one in row)} |" for row in cells
    )


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def type_name(annotation: Any) -> str:
    """A type as a person would write it, without the modules."""
    if isinstance(annotation, str):
        return annotation
    plain = annotation.__name__ if inspect.isclass(annotation) else repr(annotation)
    plain = re.sub(r"\b(?:[a-z_]\w*\.)+(?=\w)|~", "", plain)
    return re.sub(r"^Optional\[(.*)\]$", r"\1 | None", plain)


def fields(cls: Any) -> str:
    """The fields of a pydantic model, a dataclass or a struct."""
    rows = list(_model_fields(cls) if issubclass(cls, BaseModel) else _data_fields(cls))
    return table(("field", "type", "default"), rows) if rows else ""


def _model_fields(cls: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    for name, field in cls.model_fields.items():
        default = "" if field.is_required() else repr(field.default)
        shown = _made(field.default_factory) or code(default)
        yield code(name), code(type_name(field.annotation)), shown


def _data_fields(cls: Any) -> Iterator[tuple[str, str, str]]:
    if not dataclasses.is_dataclass(cls):
        return
    for field in dataclasses.fields(cls):
        default = "" if field.default is dataclasses.MISSING else repr(field.default)
        shown = _made(field.default_factory) or code(default)
        yield code(field.name), code(type_name(field.type)), shown


def _made(factory: Any) -> str:
    """What a default that is made anew is called."""
    if factory is None or factory is dataclasses.MISSING:
        return ""
    return code(f"{factory.__name__}()") if inspect.isclass(factory) else "a new one"


def properties(cls: Any) -> str:
    found = [(name, one) for name, one in vars(cls).items() if isinstance(one, property)]
    listed = [f"- `.{name}`{_colon(prose(one.__doc__))}" for name, one in found]
    return "\n".join(listed)


def _colon(text: str) -> str:
    return f": {' '.join(text.split())}" if text else ""


def described(cls: Any, level: int = 2) -> str:
    """A class of data: what it is, its fields, its properties."""
    own = vars(cls).get("__doc__") or ""
    said = "" if own.startswith(f"{cls.__name__}(") else prose(own)
    parts = [f"{'#' * level} `{cls.__name__}`", said, fields(cls), properties(cls)]
    return "\n\n".join(part for part in parts if part)


def methods(cls: type, prefix: str) -> str:
    """The public methods of a class, in the order of the source."""
    parts = []
    for name, function in vars(cls).items():
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        parts += [
            f"### `{prefix}.{name}`",
            signature(f"{prefix}.{name}", function),
            prose(function.__doc__),
        ]
    return "\n\n".join(part for part in parts if part)


def page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", NOTE.rstrip(), *(part for part in parts if part)]) + "\n"


def hooks_page() -> str:
    parts = [
        intro("hooks"),
        "## Entry points",
        prose(_entry_points()),
    ]
    for title, (spec, group) in SPECS.items():
        parts += [f"## {title}", f"Group `batchyard.{group}`.", prose(spec.__doc__)]
        for name, function in vars(spec).items():
            if inspect.isfunction(function) and not name.startswith("_"):
                parts += [f"### `{name}`", signature(name, function), hook_text(function.__doc__)]
    parts += ["## Middleware", "Group `batchyard.middleware`.", hook_text(_middleware())]
    records = (
        hookspecs.GateLine,
        hookspecs.Verdict,
        hookspecs.Admission,
        hookspecs.Forecast,
        hookspecs.Reservation,
        hookspecs.Rates,
        PriceContext,
        PriceOptions,
        hookspecs.EngineContext,
    )
    return page("Hooks", *parts, "## Records of hooks", *(described(one, 3) for one in records))


def _entry_points() -> str:
    """The table of the package's docstring, as Markdown."""
    rows = re.findall(r"^(batchyard\.\w+) +(.*)$", hookspecs.__doc__ or "", re.MULTILINE)
    return table(("group", "what it names"), ((code(group), what) for group, what in rows))


def _middleware() -> str:
    said = inspect.cleandoc(hookspecs.__doc__ or "").partition("A middleware gets")
    return f"A middleware gets{said[2]}"


def errors_page() -> str:
    kinds = _subclasses(errors.BatchyardError)
    rows = [
        (
            code(kind.__name__),
            "yes" if kind.default_retryable else "no",
            str(kind.status_hint),
            code(kind.default_type),
            _meaning(kind),
        )
        for kind in kinds
    ]
    return page(
        "Errors",
        intro("errors"),
        "## The tree",
        f"```text\n{_tree()}\n```",
        "## Attributes",
        prose(errors.BatchyardError.__doc__),
        properties(errors.BatchyardError),
        "## Each error",
        intro("error_table"),
        table(("error", "retryable", "status", "type", "meaning"), rows),
        described(errors.InvalidLinesError),
        described(errors.LineProblem),
    )


def _subclasses(kind: type[errors.BatchyardError]) -> list[type[errors.BatchyardError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in _subclasses(child))]


def _tree() -> str:
    """The tree as it is drawn in the module's docstring, with a word about each."""
    drawn = (errors.__doc__ or "").partition("code-block:: text\n\n")[2].partition("\n\n")[0]
    return textwrap.dedent(drawn)


def _meaning(kind: type) -> str:
    drawn = re.search(rf"\b{kind.__name__} +(.*)", _tree())
    return summary(kind) or (drawn[1] if drawn else "")


def models_page() -> str:
    shown = [getattr(models, name) for name in models.__all__]
    classes = [one for one in shown if inspect.isclass(one) and not _is_event(one)]
    outcomes = ", ".join(code(one) for one in models.OUTCOMES)
    statuses = ", ".join(code(one) for one in sorted(models.TERMINAL_STATUSES))
    return page(
        "Models",
        intro("models"),
        f"`OUTCOMES`: {outcomes}.",
        f"`TERMINAL_STATUSES`: {statuses}. A batch of any other status still runs.",
        *(described(one) for one in classes),
    )


def _is_event(cls: type) -> bool:
    return issubclass(cls, models.Event)


def events_page() -> str:
    rows = []
    for name, function in vars(hookspecs.ListenerSpec).items():
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        kind = str(inspect.signature(function).parameters["event"].annotation)
        told = models.Event(hook=name, at=0.0, provider="", account="")
        said = " ".join(prose(function.__doc__).partition("\n\n")[0].split())
        rows.append((f"[`{name}`](hooks.md#{name})", code(told.type), code(kind), said))
    kinds = (models.Event, models.FileEvent, models.BatchEvent, models.RequestEvent)
    return page(
        "Events",
        intro("events"),
        table(("hook", "type", "event", "when"), rows),
        *(described(one) for one in kinds),
    )


def client_page() -> str:
    data = (
        client.Polling,
        client.Result,
        client.Completeness,
        lines.ResultError,
        drivers.Transport,
        ListenerCounts,
    )
    estimated = (
        estimates.Estimate,
        estimates.ModelEstimate,
        estimates.TokenRange,
        estimates.CostRange,
        estimates.LimitFit,
    )
    return page(
        "Clients",
        intro("clients"),
        "## `Client`",
        signature("Client", client.Client.__init__).replace(" -> None", ""),
        prose(client.Client.__doc__),
        methods(client.Client, "client"),
        "## Files",
        methods(client.Files, "client.files"),
        "## Batches",
        methods(client.Batches, "client.batches"),
        *(_part(cls) for cls in (client.Content, client.Pager, client.Results, Observation)),
        "## Data",
        *(described(one, 3) for one in data),
        "## Estimates",
        intro("estimates"),
        *(described(one, 3) for one in estimated),
    )


def _part(cls: type) -> str:
    parts = (f"## `{cls.__name__}`", prose(cls.__doc__), methods(cls, cls.__name__.lower()))
    return "\n\n".join(part for part in parts if part)


def functions_page() -> str:
    own = [name for name in batchyard.__all__ if inspect.isfunction(getattr(batchyard, name))]
    blocking = [name for name in own if not name.startswith("a")]
    parts = []
    for name in blocking:
        function = getattr(batchyard, name)
        parts += [f"## `{name}`", signature(name, function), prose(function.__doc__)]
    closing = " and ".join(code(one) for one in functions.__all__ if one.endswith("close_clients"))
    return page(
        "Functions",
        intro("functions"),
        f"Twins to be awaited: {', '.join(f'`a{name}`' for name in blocking)}.",
        f"{closing}, in `batchyard.functions`, close the connections that the functions keep.",
        *parts,
        "## `BinaryContent`",
        prose(BinaryContent.__doc__),
        methods(BinaryContent, "content"),
    )


def settings_page() -> str:
    parts = []
    registry = Registry({})
    for info in registry.installed("providers"):
        cls = registry.provider(info.name)
        if info.name == cls.name:  # and not one of its aliases
            said = f"From `{info.distribution}`. {prose(cls.Settings.__doc__)}"
            parts += [f"## `{info.name}`", said, _settings(cls.Settings)]
    tables: dict[str, type[BaseModel]] = {
        "[ledger]": LedgerSettings,
        "[sinks.NAME]": SinkSettings,
        "[gates.NAME]": GateSettings,
        "[prices]": PriceSettings,
        "jsonl": JsonlSettings,
        "budget": BudgetSettings,
        "Each of its budgets": Budget,
        "models": ModelsSettings,
        "redact": RedactSettings,
    }
    parts += ["## Other settings", intro("configured")]
    for name, settings in tables.items():
        parts += [f"### `{name}`", summary(settings), _settings(settings)]
    return page("Settings", intro("settings"), *parts)


def _settings(cls: type[BaseModel]) -> str:
    rows = []
    for name, field in cls.model_fields.items():
        if field.annotation is Any or (name == "name" and not field.description):
            continue  # the heading's, and what the plugin makes of the rest
        said = field.description or ""
        found = re.search(r"\bvariable (\w+)", said)
        about = re.sub(r";? ?\bvariable \w+", "", said)
        default = "**required**" if field.is_required() else code(repr(field.default))
        default = _made(field.default_factory) or default
        kind, variable = type_name(field.annotation), found[1] if found else ""
        rows.append((code(name), code(kind), default, code(variable), about))
    return table(("setting", "type", "default", "variable", "meaning"), rows)


def testing_page() -> str:
    suites = [name for name in testing.__all__ if name.endswith("Suite")]
    plain = [name for name in testing.__all__ if name not in {*suites, "FAULTS"}]
    faults = ", ".join(code(one) for one in testing.FAULTS)
    return page(
        "Testing",
        intro("testing"),
        "## Suites",
        *(_suite(getattr(testing, name)) for name in suites),
        "## For tests",
        *(_tool(name, getattr(testing, name)) for name in plain),
        "### `FAULTS`",
        f"What the suites have go wrong: {faults}.",
        "## The emulator toolkit",
        intro("emulators"),
        *(_tool(f"emulators.{name}", getattr(emulators, name)) for name in emulators.__all__),
    )


def _suite(cls: type) -> str:
    rules = sorted(name for name in dir(cls) if name.startswith("test_"))
    said = [name.removeprefix("test_").replace("_", " ") for name in rules]
    return "\n\n".join(
        [f"### `{cls.__name__}`", prose(cls.__doc__), "\n".join(f"- {one}" for one in said)]
    )


def _tool(name: str, thing: Any) -> str:
    """A class with its fields and methods, or a function."""
    if not inspect.isclass(thing):
        said = prose(thing.__doc__) if inspect.isfunction(thing) else ""
        shown = signature(name, thing) if inspect.isfunction(thing) else ""
        return "\n\n".join(one for one in (f"### `{name}`", said, shown) if one)
    parts = [f"### `{name}`", prose(vars(thing).get("__doc__")) if _says(thing) else ""]
    if dataclasses.is_dataclass(thing):
        parts.append(fields(thing))
    rows = [
        (code(method), summary(function))
        for method, function in vars(thing).items()
        if not method.startswith("_") and inspect.isfunction(function)
    ]
    parts.append(table(("method", ""), rows) if rows else "")
    return "\n\n".join(one for one in parts if one)


def _says(cls: type) -> bool:
    """Whether it has a docstring of its own; the one that a dataclass is given says nothing."""
    said = vars(cls).get("__doc__") or ""
    return not said.startswith(f"{cls.__name__}(")


PAGES: dict[str, Callable[[], str]] = {
    "client.md": client_page,
    "errors.md": errors_page,
    "events.md": events_page,
    "functions.md": functions_page,
    "hooks.md": hooks_page,
    "models.md": models_page,
    "settings.md": settings_page,
    "testing.md": testing_page,
}


def main() -> int:
    differences: list[str] = []
    REFERENCE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        path, wanted = REFERENCE / name, make()
        if "--check" not in sys.argv[1:]:
            path.write_text(wanted, encoding="utf-8")
            continue
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        differences += difflib.unified_diff(
            found.splitlines(), wanted.splitlines(), name, "made from the code", lineterm=""
        )
    print(*differences, sep="\n", end="")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
