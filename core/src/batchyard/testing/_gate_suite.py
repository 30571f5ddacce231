"""What every gate must do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest

from batchyard.gates._rewrites import fault_of
from batchyard.hookspecs import Forecast, GateLine, Verdict
from batchyard.models import BatchRequest, Identity, Ref
from batchyard.registry import Gate
from batchyard.testing._plugin_tests import PluginTests, check_overrides

__all__ = ["GateSuite"]

Line = Mapping[str, Any]

OTHER_LINES: tuple[Line, ...] = (
    {"url": "/v1/embeddings", "body": {"model": "m", "input": ["a", "b"]}},
    {"url": "/v1/responses", "body": {"model": "m", "input": [{"role": "user", "content": []}]}},
    {"url": "/v1/chat/completions", "body": {"model": "m", "messages": []}},
    {"url": "/v1/chat/completions", "body": {"model": "m", "messages": "odd", "tools": [None]}},
    {"url": "/v1/chat/completions", "body": {"model": "größe ✓", "messages": [{"content": None}]}},
    {"url": "/v1/chat/completions", "body": {}},
    {"url": "/v1/chat/completions", "body": {"model": "m", "deep": [[[[[[{"a": {"b": []}}]]]]]]}},
)
"""Lines that are valid and nothing like each other: a gate has to have a verdict for each."""


class GateSuite(PluginTests):
    """Inherit it as ``Test…``, name the ``gate``, and say what it must make of which lines.

    A line is as users write it, without ``custom_id`` and ``method`` if you like.
    ``rewritten`` has pairs: the line, and the body that it must have afterwards.
    """

    group = "gates"
    gate: ClassVar[str]
    kept: ClassVar[Sequence[Line]] = ()
    refused: ClassVar[Sequence[Line]] = ()
    rewritten: ClassVar[Sequence[tuple[Line, Line]]] = ()

    def made(self, folder: Path) -> Gate:
        return self.registry.gate(self.gate, self.settings_in(folder))

    def test_it_is_made_with_its_settings_and_shows_no_secret(self, tmp_path: Path) -> None:
        model = getattr(self.registry.load("gates", self.gate), "Settings", None)
        arguments = [] if model is None else [model(**self.settings_in(tmp_path))]
        plugin = self.registry.plugin("gates", self.gate, *arguments)
        self.check_repr(tmp_path, self.made(tmp_path), plugin)

    def test_there_is_a_line_for_each_thing_that_it_does(self, tmp_path: Path) -> None:
        asks_lines = hasattr(self.made(tmp_path), "check_lines")
        judged = bool(self.refused or self.rewritten)
        if asks_lines and not (self.kept and judged):
            raise AssertionError(
                "give lines in `kept`, and in `refused` or `rewritten`: what is not tried is "
                "not known"
            )
        if judged and not asks_lines:
            raise AssertionError("there are lines to judge, and the gate has no check_lines")

    def test_its_lines_come_to_what_they_must(self, tmp_path: Path) -> None:
        for action, lines in self._by_action().items():
            for line in lines:
                verdict = self._verdict(tmp_path, line)
                if verdict.action != action:
                    raise AssertionError(f"{action} was awaited, and {verdict!r} came, of {line}")

    def test_a_refusal_says_why(self, tmp_path: Path) -> None:
        for line in self.refused:
            verdict = self._verdict(tmp_path, line)
            if not (verdict.code and verdict.message):
                raise AssertionError(f"a refusal needs a code and a message: {verdict!r}")

    def test_a_rewrite_is_the_same_line_with_the_body_that_it_must_have(
        self, tmp_path: Path
    ) -> None:
        for before, body in self.rewritten:
            data, after = _data(before), self._rewrite(tmp_path, _data(before))
            if fault := fault_of(data, after):
                raise AssertionError(f"{after!r} is no line to take the place of {data!r}: {fault}")
            if json.loads(after)["body"] != body:
                raise AssertionError(f"{before} was to have the body {body}, and is {after!r}")

    def test_what_was_rewritten_is_let_through(self, tmp_path: Path) -> None:
        for before, _ in self.rewritten:
            after = self._rewrite(tmp_path, _data(before))
            again = self._judged(tmp_path, [after])[0]
            if again.action == "refuse" or again.data not in {None, after}:
                raise AssertionError(f"asked again, it made {again!r} of its own {after!r}")

    def test_a_text_that_is_escaped_is_the_same_text(self, tmp_path: Path) -> None:
        wanted = [(line, "refuse") for line in self.refused]
        wanted += [(line, "rewrite") for line, _ in self.rewritten]
        for line, action in wanted:
            verdict = self._judged(tmp_path, [_escaped(line)])[0]
            if verdict.action != action:
                raise AssertionError(
                    f"with its characters escaped it passes, decode the JSON: {line}"
                )

    def test_how_lines_are_grouped_makes_no_difference(self, tmp_path: Path) -> None:
        lines = [_data(line) for found in self._by_action().values() for line in found] * 3
        if not hasattr(self.made(tmp_path), "check_lines"):
            return
        alone = [self._judged(tmp_path, [line])[0] for line in lines]
        if self._judged(tmp_path, lines) != alone:
            raise AssertionError("a line among others gets another verdict than by itself")
        if self._judged(tmp_path, lines[::-1]) != alone[::-1]:
            raise AssertionError("verdicts are not in the order of their lines")
        gate = self.made(tmp_path)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: self._asked(gate, lines), range(8)))
        if any(one != alone for one in found):
            raise AssertionError("files that are checked side by side get other verdicts")

    def test_any_valid_line_gets_a_verdict(self, tmp_path: Path) -> None:
        if not hasattr(self.made(tmp_path), "check_lines"):
            return
        for line in OTHER_LINES:
            self._judged(tmp_path, [_data(line)])
        if self._asked(self.made(tmp_path), []):
            raise AssertionError("no lines have no verdicts")

    @pytest.mark.parametrize("who", ["nobody", "ana"])
    def test_a_batch_gets_a_verdict_in_either_mode(self, who: str, tmp_path: Path) -> None:
        gate = self.made(tmp_path)
        if not hasattr(gate, "check_batch"):
            return
        for models in ((), ("some-model",)):
            batch = BatchRequest(Ref("file_1"), "/v1/chat/completions", models=models)
            verdict = gate.check_batch(batch, None if who == "nobody" else _Asked())
            if verdict.action not in {"keep", "refuse"}:
                raise AssertionError(f"a batch is kept or refused, and not: {verdict!r}")
            if verdict.action == "refuse" and not (verdict.code and verdict.message):
                raise AssertionError(f"a refusal needs a code and a message: {verdict!r}")

    def test_no_test_is_overridden_but_as_an_expected_failure(self) -> None:
        check_overrides(type(self), GateSuite)

    def _by_action(self) -> dict[str, list[Line]]:
        return {
            "keep": list(self.kept),
            "refuse": list(self.refused),
            "rewrite": [line for line, _ in self.rewritten],
        }

    def _verdict(self, folder: Path, line: Line) -> Verdict:
        return self._judged(folder, [_data(line)])[0]

    def _rewrite(self, folder: Path, data: bytes) -> bytes:
        return self._judged(folder, [data])[0].data or data

    def _judged(self, folder: Path, lines: Sequence[bytes]) -> list[Verdict]:
        return self._asked(self.made(folder), lines)

    def _asked(self, gate: Gate, lines: Sequence[bytes]) -> list[Verdict]:
        asked = [GateLine(at, f"line-{at}", data) for at, data in enumerate(lines, 1)]
        return list(gate.check_lines(asked))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Somebody who asks for a batch."""

    identity: Identity = field(default_factory=lambda: Identity("ana", "search", ("nightly",)))
    account: str = "mine"
    provider: str = "acme"
    at: float = 1_790_000_000.0

    def forecast(self, output_tokens: int) -> Forecast:
        cost = Decimal("0.10") + Decimal(output_tokens) / 1_000_000
        return Forecast(Decimal("0.10"), cost, cost * 2, cost, (), 1000)


def _whole(line: Line) -> dict[str, Any]:
    return {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", **line}


def _data(line: Line) -> bytes:
    return json.dumps(_whole(line), ensure_ascii=False).encode()


def _escaped(line: Line) -> bytes:
    r"""The line with each character of its texts written as ``\uXXXX``: the same JSON."""
    return json.dumps(_spelled(_whole(line))).replace("\\\\u", "\\u").encode()


def _spelled(value: Any) -> Any:
    match value:
        case str():
            units = value.encode("utf-16-be").hex()
            return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        case Mapping():
            # keys stay: who reads the JSON at all reads those
            return {key: _spelled(one) for key, one in value.items()}
        case list() | tuple():
            return [_spelled(one) for one in value]
        case _:
            return value
