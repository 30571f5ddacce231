from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

from tests.style.repository import ROOT, short, sources

PROVIDERS = re.compile(
    r"openai|azure|vertex|gemini|google|anthropic|claude|mistral|bedrock|groq|together|fireworks|xai",
    re.IGNORECASE,
)
PROTOCOL = "openai_wire"  # a protocol that several providers speak, and the name of its modules


def core_sources() -> list[Path]:
    return [path for path in sources() if path.is_relative_to(ROOT / "core")]


def spoken(source: str) -> list[tuple[int, str]]:
    """Return each line number and token that a program can act on.

    Comments and docstrings are prose: they may say whose reference a fact comes from.
    """
    found = []
    statement_starts = True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}:
            statement_starts = True
            continue
        if token.type in {tokenize.COMMENT, tokenize.NL}:
            continue
        if not (statement_starts and token.type == tokenize.STRING):
            found.append((token.start[0], token.string))
        statement_starts = False
    return found


def in_protocol(path: Path) -> bool:
    return PROTOCOL in {part.removesuffix(".py") for part in path.parts}


def provider_names(source: str) -> list[tuple[int, str]]:
    words = ((line, word.replace(PROTOCOL, "")) for line, word in spoken(source))
    return [(line, word) for line, word in words if PROVIDERS.search(word)]


def test_no_provider_is_named_in_cores_code() -> None:
    named = {
        f"{short(path)}:{line}": word
        for path in core_sources()
        if not in_protocol(path)
        for line, word in provider_names(path.read_text("utf-8"))
    }
    assert named == {}


@pytest.mark.parametrize(
    "code",
    ["if provider == 'azure':\n    pass\n", "openai = 1\n", "x = {'model': 'gemini-2.5'}\n"],
)
def test_a_provider_in_code_is_found(code: str) -> None:
    assert provider_names(code)


@pytest.mark.parametrize(
    "code",
    ['"""As OpenAI does."""\n', "x = 1  # Azure answers 201\n", "from steps import openai_wire\n"],
)
def test_a_provider_in_prose_is_not(code: str) -> None:
    assert provider_names(code) == []
