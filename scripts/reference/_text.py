"""The parts that pages are made of: prose, signatures and tables, from docstrings and types."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

__all__ = [
    "code",
    "described",
    "fields",
    "hook_text",
    "intro",
    "made",
    "methods",
    "page",
    "properties",
    "prose",
    "signature",
    "summary",
    "table",
    "type_name",
]

INTROS = tomllib.loads((Path(__file__).parent / "intros.toml").read_text(encoding="utf-8"))
NOTE = "<!-- Made from the code by scripts/reference; do not edit. -->\n"
WIDTH = 88


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
        shown = made(field.default_factory) or code(default)
        yield code(name), code(type_name(field.annotation)), shown


def _data_fields(cls: Any) -> Iterator[tuple[str, str, str]]:
    if not dataclasses.is_dataclass(cls):
        return
    for field in dataclasses.fields(cls):
        default = "" if field.default is dataclasses.MISSING else repr(field.default)
        shown = made(field.default_factory) or code(default)
        yield code(field.name), code(type_name(field.type)), shown


def made(factory: Any) -> str:
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
