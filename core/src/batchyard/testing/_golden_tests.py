"""What the provider makes of lines and states, word for word."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from batchyard.errors import BatchyardError
from batchyard.lines import decode_result, outcome_of
from batchyard.models import BatchRequest, FileUpload, Ref, Usage
from batchyard.registry import Account
from batchyard.steps import BytesSource
from batchyard.testing._golden import Golden, packed
from batchyard.testing._replay import Player
from batchyard.testing._scenario import Exchange, Scenario
from batchyard.testing._script import Script, ScriptError
from batchyard.testing._subject import Subject

__all__ = ["GoldenTests"]

TOMORROW = "state-of-tomorrow"
"""A state that no service has, yet."""

COUNTS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


class GoldenTests(Subject):
    """Lines and states.

    ``goldens`` go through the first scenario of ``upload_file``, and that of
    ``create_batch`` where an upload sends nothing, and, back, through a scenario of
    ``file_content``, which is called ``results`` unless they say otherwise; the
    reply of its last exchange is replaced.  ``states`` are the service's words for
    a batch's state, with the statuses that they must be read as.
    """

    goldens: ClassVar[Sequence[Golden]] = ()
    states: ClassVar[Mapping[str, str]] = {}

    def test_there_are_goldens_of_an_answer_and_of_an_error(self) -> None:
        if not self._content_scenarios():
            return
        outcomes = {one.outcome for one in self.goldens}
        if "ok" not in outcomes or len(outcomes) == 1:
            raise AssertionError(
                "goldens: give a pair that is answered, with its usage, and one that is not"
            )
        silent = [one.name for one in self.goldens if one.outcome == "ok" and one.usage is None]
        if silent:
            raise AssertionError(f"goldens without usage: {', '.join(silent)}")

    def test_a_golden_line_is_sent_word_for_word(self, golden: Golden) -> None:
        uploads = [one for one in self.scenarios if _file_of(one)]
        if not uploads:
            return
        sent = self._sent(uploads[0], golden.source)
        if golden.sent not in sent:
            raise AssertionError(f"{golden.name}: {golden.sent!r} was to be sent, and was {sent!r}")

    def _sent(self, scenario: Scenario, content: bytes) -> list[object]:
        """The JSON values in what an upload of *content* sends.

        Where it sends nothing, since the service has no files, in what a create sends for it.
        """
        account = self.account()
        file = replace(_file_of(scenario) or _NO_FILE, source=BytesSource(content))
        player, stored = self._unjudged(account, scenario, file=file)
        creations = [one for one in self.scenarios if one.operation == "create_batch"]
        if not player.bodies and creations:
            order = creations[0].arguments["batch"]
            if not isinstance(order, BatchRequest):
                raise TypeError("`batch` of create_batch is a BatchRequest")
            ref, endpoint = Ref(stored.id, stored.provider_state), json.loads(content).get("url")
            order = replace(order, input_file=ref, endpoint=endpoint or order.endpoint)
            player, _ = self._unjudged(account, creations[0], batch=order)
        return [value for _, body in player.bodies for value in _json_lines(body)]

    def _unjudged(
        self, account: Account, scenario: Scenario, **arguments: object
    ) -> tuple[Player, Any]:
        """The scenario with other arguments, whatever it sends for them; what it ends with."""
        unjudged = [replace(one, body=None) for one in scenario.exchanges]
        player = Player(Script(unjudged, scenario.also))
        ending = self.ending(player, self.plan(account, scenario, **arguments))
        if isinstance(ending, BatchyardError):
            raise ending
        return player, ending

    def test_a_parameter_that_nobody_knows_is_not_left_out_in_silence(self, golden: Golden) -> None:
        """It is sent, or the line is refused: its user asked for it."""
        uploads = [one for one in self.scenarios if _file_of(one)]
        request = json.loads(golden.source)
        if not uploads or not isinstance(request.get("body"), dict):
            return
        request["body"]["batchyard_odd_parameter"] = 1
        try:
            sent = self._sent(uploads[0], packed(request))
        except (BatchyardError, ScriptError):
            return
        if golden.sent in sent:
            raise AssertionError(f"{golden.name}: a parameter was left out, and nobody is told")

    def test_a_golden_answer_comes_out_word_for_word(self, golden: Golden) -> None:
        scenarios = self._content_scenarios()
        if not scenarios:
            return
        data = self._read(_results_among(scenarios, golden.through), golden.row)
        (line,) = [one for one in data.splitlines() if one.strip()] or [b""]
        found = _value(line)
        if found != golden.result:
            raise AssertionError(
                f"{golden.name}: the answer was to come out as {golden.result!r}, "
                f"and came out as {found if found is not None else line!r}"
            )
        outcome = outcome_of(decode_result(line))
        if outcome != golden.outcome:
            raise AssertionError(f"{golden.name}: {outcome}, and not {golden.outcome}")
        self._check_usage(golden, line)

    def test_the_last_line_may_lack_its_end(self, golden: Golden) -> None:
        self._check_comes_out(golden, golden.row.rstrip(b"\n"))

    def test_a_line_that_cannot_be_read_costs_no_other(self, golden: Golden) -> None:
        """Services are interrupted, too: a torn line is counted, and the others are answers."""
        self._check_comes_out(golden, b'{"torn": \n' + golden.row)

    def _check_comes_out(self, golden: Golden, content: bytes) -> None:
        scenarios = self._content_scenarios()
        if not scenarios:
            return
        data = self._read(_results_among(scenarios, golden.through), content)
        found = [_value(line) for line in data.splitlines()]
        if found.count(golden.result) != 1:
            raise AssertionError(
                f"{golden.name}: {golden.result!r} was to come out of {content!r}, "
                f"and {data[:1000]!r} did"
            )

    def _check_usage(self, golden: Golden, line: bytes) -> None:
        if golden.usage is None:
            return
        read = self.account().usage_reader(golden.endpoint)
        usage = read(decode_result(line))
        if _counted(usage) != _counted(golden.usage):
            raise AssertionError(
                f"{golden.name}: tokens {_counted(usage)}, and not {_counted(golden.usage)}"
            )

    def _content_scenarios(self) -> list[Scenario]:
        return [one for one in self.scenarios if one.operation == "file_content"]

    def _read(self, scenario: Scenario, content: bytes) -> bytes:
        *before, last = scenario.exchanges
        reply = replace(last.reply, headers={}, body=content)
        player = Player(Script([*before, replace(last, reply=reply)], scenario.also))
        ending = self.ending(player, self.plan(self.account(), scenario))
        if isinstance(ending, BatchyardError):
            raise ending
        whole: bytes = ending
        return whole

    def test_every_state_is_read_and_one_of_tomorrow_is_still_running(self) -> None:
        if not any(one.operation == "retrieve_batch" for one in self.scenarios):
            return
        scenario, at, shown = self._stateful()
        for state, status in {**self.states, TOMORROW: None}.items():
            ending = self._in_state(scenario, at, shown, state)
            if isinstance(ending, BatchyardError):
                raise ending
            if status is None and ending.terminal:
                raise AssertionError(f"a state that nobody knows was read as {ending.status!r}")
            if status is not None and ending.status != status:
                raise AssertionError(f"{state!r} was read as {ending.status!r}, and is {status!r}")

    def _stateful(self) -> tuple[Scenario, int, str]:
        """A scenario with one of the states in it: where, and which."""
        for scenario in self.scenarios:
            if scenario.operation != "retrieve_batch":
                continue
            for at, exchange in enumerate(scenario.exchanges):
                for state in self.states:
                    if json.dumps(state).encode() in exchange.reply.body:
                        return scenario, at, state
        raise AssertionError(
            "states: name the service's states, with the statuses that they are, "
            "one of them in the reply of a scenario of retrieve_batch"
        )

    def _in_state(self, scenario: Scenario, at: int, shown: str, state: str) -> Any:
        exchanges: list[Exchange] = list(scenario.exchanges)
        reply = exchanges[at].reply
        body = reply.body.replace(json.dumps(shown).encode(), json.dumps(state).encode())
        exchanges[at] = replace(exchanges[at], reply=replace(reply, body=body))
        # what else is asked of a batch that has ended is the scenario's affair
        player = Player(Script(exchanges[: at + 1], [*scenario.also, *exchanges[at + 1 :]]))
        return self.ending(player, self.plan(self.account(), scenario))


_NO_FILE = FileUpload(BytesSource(b""), "in.jsonl")


def _file_of(scenario: Scenario) -> FileUpload | None:
    file = scenario.arguments.get("file")
    return file if isinstance(file, FileUpload) else None


def _results_among(scenarios: Sequence[Scenario], name: str) -> Scenario:
    named = [one for one in scenarios if one.name == name]
    if not named and len(scenarios) > 1:
        raise AssertionError(f"call one scenario of file_content {name!r}, for the goldens")
    return (named or list(scenarios))[0]


def _json_lines(body: bytes) -> Iterator[object]:
    """The values in a body: of each of its lines, and of the requests in a create's own JSON."""
    for line in body.splitlines():
        value = _value(line)
        yield value
        if isinstance(value, dict):
            for inner in value.values():
                yield from inner if isinstance(inner, list) else ()


def _value(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _counted(usage: Usage) -> dict[str, int]:
    return {name: getattr(usage, name) for name in COUNTS}
