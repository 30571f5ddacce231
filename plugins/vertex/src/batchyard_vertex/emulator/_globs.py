"""Patterns of names (Cloud Storage, matchGlob)."""

from __future__ import annotations

import re

__all__ = ["glob_pattern"]

_PIECES = re.compile(r"\*\*|\*|\?|\[!?[^\]]+\]|\{[^}]*\}|[^*?\[{]+|.", re.DOTALL)
_WILD = {"**": ".*", "*": "[^/]*", "?": "[^/]"}


def glob_pattern(text: str) -> re.Pattern[str]:
    """``*`` stays within a folder, ``**`` does not."""
    return re.compile("".join(_piece(one) for one in _PIECES.findall(text)), re.DOTALL)


def _piece(piece: str) -> str:
    if piece in _WILD:
        return _WILD[piece]
    if piece.startswith("{") and piece.endswith("}"):
        return "(?:" + "|".join(map(re.escape, piece[1:-1].split(","))) + ")"
    if piece.startswith("[") and len(piece) > 2:
        inside = piece[1:-1].replace("\\", r"\\")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(piece)
