"""Whether a plugin and this version of the contract fit each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import eq, ge, gt, le, lt
from typing import Any

import importlib_metadata

from batchyard.errors import PluginContractError
from batchyard.hookspecs import CONTRACT
from batchyard.registry._catalogue import OWN, PluginInfo

__all__ = ["check_contract", "declared", "wanted_core"]

Version = tuple[int, ...]

_OPERATORS: dict[str, Callable[[Version, Version], bool]] = {
    ">=": ge,
    "<=": le,
    ">": gt,
    "<": lt,
    "==": eq,
}
_CLAUSE = re.compile(r"\s*(>=|<=|==|>|<)\s*(\d+(?:\.\d+)*)\s*")


def declared(plugin: Any) -> str | None:
    """The range of contract versions that a plugin says it is written for."""
    contract = getattr(plugin, "contract", None)
    return contract if isinstance(contract, str) else None


def check_contract(info: PluginInfo, plugin: Any) -> None:
    """Refuse a plugin that is written for another version of the contract.

    One that says nothing is taken as it is: its hooks are checked all the same.
    """
    text = getattr(plugin, "contract", None)
    if text is None:
        return
    clauses = _clauses(text) if isinstance(text, str) else None
    kind = info.group.removesuffix("s")
    if clauses is None:
        raise PluginContractError(
            f'{kind} {info}: contract = {text!r} is no range; write one such as ">=1.0,<2"'
        )
    if _holds(clauses, CONTRACT):
        return
    older = any(sign in {"<", "<=", "=="} and not _fits(sign, CONTRACT, at) for sign, at in clauses)
    cure = f"a newer {info.distribution}, or an older batchyard" if older else "a newer batchyard"
    raise PluginContractError(
        f"{kind} {info} is written for versions {text} of the contract, and this is "
        f"{'.'.join(map(str, CONTRACT))} (batchyard {importlib_metadata.version(OWN)}): "
        f"install {cure}"
    )


def wanted_core(distribution: str) -> str | None:
    """What a distribution asks of the package ``batchyard``, if the installed one is not that."""
    try:
        needs = importlib_metadata.requires(distribution) or []
        installed = importlib_metadata.version(OWN)
    except importlib_metadata.PackageNotFoundError:
        return None
    version = tuple(int(one) for one in re.findall(r"\d+", installed)[:3])
    for need in needs:
        found = re.fullmatch(rf"{OWN}(?:\[[^]]*\])?\s*\(?([<>=][^;)]*)\)?", need.strip())
        clauses = _clauses(found[1]) if found else None
        if found and clauses is not None and not _holds(clauses, version):
            return (
                f"{distribution} asks for batchyard{found[1].strip()}, and {installed} is installed"
            )
    return None


def _clauses(text: str) -> list[tuple[str, Version]] | None:
    """What a range asks for; ``None`` where this cannot tell."""
    found = [_CLAUSE.fullmatch(one) for one in text.split(",")]
    if any(one is None for one in found):
        return None
    return [(one[1], tuple(map(int, one[2].split(".")))) for one in found if one is not None]


def _holds(clauses: list[tuple[str, Version]], version: Version) -> bool:
    return all(_fits(sign, version, at) for sign, at in clauses)


def _fits(sign: str, version: Version, at: Version) -> bool:
    length = max(len(version), len(at))
    return _OPERATORS[sign](_padded(version, length), _padded(at, length))


def _padded(version: Version, length: int) -> Version:
    return version + (0,) * (length - len(version))
