"""What a plugin's author starts from: ``batchyard plugins new NAME --kind provider``.

The templates are files beside this one.  Each is copied with its ``{{words}}``
replaced; a generated project is its author's own from then on, and nothing
here is needed to build, test or run it.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from batchyard.errors import InputError
from batchyard.hookspecs import CONTRACT

__all__ = ["KINDS", "generate", "rendered"]

KINDS = ("gate", "prices", "provider", "sink")
"""The kinds of plugin that there are templates for."""

_PATHS = {"__github__": ".github", "__gitignore__": ".gitignore", "__tests__": "tests"}
"""Names that packaging tools treat in ways of their own, and what they stand for."""

_NAME = re.compile(r"(?=.{1,40}$)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")

_CORE = ">=0.1,<0.2"
"""The versions of the package ``batchyard`` that a plugin is written for."""


def generate(kind: str, name: str, into: Path) -> tuple[Path, ...]:
    """Write a new plugin's project into the folder *into*, and return its files.

    Raises :class:`InputError` for a name that cannot be one, and for a folder
    in which something is already.
    """
    made = rendered(kind, name)
    if into.exists() and any(into.iterdir()):
        raise InputError(f"{into} is there already, and is not empty", param="into")
    for path, text in made.items():
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return tuple(into / path for path in made)


def rendered(kind: str, name: str) -> dict[str, str]:
    """The texts of a new plugin's files, by their paths."""
    if kind not in KINDS:
        raise InputError(f"there is no template for {kind!r}, only for {', '.join(KINDS)}")
    words = _words(name)
    if words["Name"] in _used(_filled(kind, _words("own"))):
        raise InputError(
            f"{name!r} cannot be a plugin's name: its class would be called {words['Name']}, and "
            "that is something else in its code",
            param="name",
        )
    return _filled(kind, words)


def _filled(kind: str, words: Mapping[str, str]) -> dict[str, str]:
    root = files(__package__).joinpath("plugin")
    found = {}
    for part in ("shared", kind):
        for path, text in _texts(root.joinpath(part)):
            found[_replaced(path, words)] = _replaced(text, words)
    return dict(sorted(found.items()))


def _used(texts: Mapping[str, str]) -> set[str]:
    """The names in the code of these files, which a class may not take away."""
    code = [ast.parse(text) for path, text in texts.items() if path.endswith(".py")]
    nodes = [node for one in code for node in ast.walk(one)]
    read = {node.id for node in nodes if isinstance(node, ast.Name)}
    imported = {node.asname or node.name for node in nodes if isinstance(node, ast.alias)}
    return read | imported | {node.name for node in nodes if isinstance(node, ast.ClassDef)}


def _words(name: str) -> dict[str, str]:
    title = "".join(part.capitalize() for part in name.split("_"))
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or keyword.iskeyword(title):
        raise InputError(
            f"{name!r} cannot be a plugin's name: it has to be up to 40 small letters, digits and "
            "single _, beginning with a letter, not ending with _, and no word of Python's",
            param="name",
        )
    major, minor = CONTRACT
    return {
        "name": name,
        "Name": title,
        "NAME": name.upper(),
        "package": f"batchyard_{name}",
        "distribution": f"batchyard-{name.replace('_', '-')}",
        "core": _CORE,
        "contract": f">={major}.{minor},<{major + 1}",
    }


def _texts(folder: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _texts(one, f"{above}{_PATHS.get(one.name, one.name)}/")
        elif one.name.endswith(".tmpl"):
            plain = one.name.removesuffix(".tmpl")
            yield f"{above}{_PATHS.get(plain, plain)}", one.read_text(encoding="utf-8")


def _replaced(text: str, words: Mapping[str, str]) -> str:
    text = text.replace("__package__", words["package"])
    # an action's own `${{ matrix.python }}` has blanks in it
    return re.sub(r"\{\{(\w+)\}\}", lambda found: words[found[1]], text)
