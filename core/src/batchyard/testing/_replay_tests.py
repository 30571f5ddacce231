"""What the provider does when the service answers as it should, and when it does not."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from batchyard.effects import Request, Source
from batchyard.errors import BatchyardError, SourceError
from batchyard.models import FileUpload, Ref
from batchyard.testing._faults import GARBLED, Injection, fault, injections
from batchyard.testing._replay import Player
from batchyard.testing._scenario import Scenario
from batchyard.testing._script import Script, Turn
from batchyard.testing._secrecy import check_logs, check_text, texts_of
from batchyard.testing._subject import Subject

if TYPE_CHECKING:
    import pytest

__all__ = ["ReplayTests"]


HOSTILE = Ref("x/../../evil?evil=1#evil")
"""What somebody may give for an id."""


class ReplayTests(Subject):
    """Each scenario by script, whole and with faults."""

    def test_a_scenario_ends_well(self, scenario: Scenario) -> None:
        player, ending = self.play(scenario)
        scenario.check(ending)
        player.script.finish()

    def test_a_fault_is_an_error_or_recovered_from(
        self, scenario: Scenario, fault: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for injection in injections(scenario, [fault]):
            caplog.clear()
            try:
                self._check_survival(scenario, injection, caplog)
            except Exception as error:
                error.add_note(f"with {injection}")
                raise

    def _check_survival(
        self, scenario: Scenario, injection: Injection, caplog: pytest.LogCaptureFixture
    ) -> None:
        _, ending = self.play(scenario, injection)
        self._check_secrecy(ending, caplog)
        if isinstance(ending, BatchyardError) or not _must_notice(scenario, injection):
            return
        if scenario.operation == "check_account" and _warns(ending):
            return
        if scenario.operation == "check_account" and _is_down(injection):
            raise AssertionError(f"the service is down, and all that was found is {ending!r}")
        scenario.check(ending)

    def _check_secrecy(self, ending: object, caplog: pytest.LogCaptureFixture) -> None:
        secrets = self.secrets()
        if isinstance(ending, BaseException):
            for text in texts_of(ending):
                check_text("an error", text, secrets)
        else:
            check_text("a result", repr(ending), secrets)
        check_logs(caplog, secrets)

    def test_a_lost_create_is_looked_up_before_it_is_sent_again(
        self, creation: Scenario, ambiguity: str, repetition: str
    ) -> None:
        lasting = repetition == "for-ever"
        injection = self._at_the_create(creation, ambiguity, for_ever=lasting)
        player, _ = self.play(creation, injection)
        _check_looked_up(player.script.turns, injection.at)

    def test_a_lost_create_that_is_found_is_not_sent_again(
        self, creation: Scenario, ambiguity: str
    ) -> None:
        injection = self._at_the_create(creation, ambiguity)
        player, ending = self.play(creation, injection, [*creation.found, *creation.also])
        sent = [turn for turn in player.script.turns if turn.index == injection.at]
        if _keyed(sent):
            return
        if len(sent) == 1:
            creation.check(ending)
        else:
            hint = "" if creation.found else "; the scenario needs `found`, what look-ups answer"
            raise AssertionError(f"the create was sent {len(sent)} times{hint}")

    def test_a_lost_create_that_cannot_be_looked_up_is_not_sent_again(
        self, creation: Scenario, ambiguity: str
    ) -> None:
        injection = self._at_the_create(creation, ambiguity)
        player, ending = self.play(creation, injection, also=())
        sent = [turn for turn in player.script.turns if turn.index == injection.at]
        if len(sent) > 1 and not _keyed(sent):
            raise AssertionError(f"nobody could tell, and the create was sent {len(sent)} times")
        if len(sent) == 1 and _must_notice(creation, injection):
            _check_error(ending)

    def _at_the_create(
        self, creation: Scenario, ambiguity: str, *, for_ever: bool = False
    ) -> Injection:
        """At the last exchange that is no GET: those before it get tokens or addresses."""
        player, _ = self.play(creation)
        changing = [turn.index for turn in player.script.turns if turn.request.method != "GET"]
        if not changing or changing[-1] is None:
            raise AssertionError("a scenario of create_batch must create: it has only GETs")
        return Injection(ambiguity, changing[-1], for_ever=for_ever)

    def test_an_id_from_outside_stays_within_its_part_of_the_url(self, scenario: Scenario) -> None:
        """Ids come from users: none may lead to another address of the service."""
        refs = {name: HOSTILE for name, one in scenario.arguments.items() if isinstance(one, Ref)}
        if not refs:
            return
        script = Script((), [*scenario.exchanges, *scenario.also])
        script.disturb()
        player = Player(script)
        self.ending(player, self.plan(self.account(), scenario, **refs))
        for turn in script.turns:
            url = urlsplit(turn.request.url)
            if "/../" in url.path or "evil=1" in url.query or url.fragment:
                raise AssertionError(f"the id {HOSTILE.id!r} led to {turn.request.url}: quote it")

    def test_how_a_stream_is_cut_makes_no_difference(self, stream: Scenario, piece: int) -> None:
        player = Player(Script(stream.exchanges, stream.also), piece=piece)
        ending = self.ending(player, self.plan(self.account(), stream))
        stream.check(ending)

    def test_a_body_that_is_sent_again_is_read_from_its_start(
        self, upload: Scenario, interruption: str
    ) -> None:
        whole, _ = self._upload(upload, None)
        at, wanted = max(whole.bodies, key=lambda one: len(one[1]))
        player, ending = self._upload(upload, Injection(interruption, at.index or 0))
        if isinstance(ending, SourceError):
            raise ending
        for turn, body in player.bodies:
            if turn.index == at.index and _plain(turn, body) != _plain(at, wanted):
                raise AssertionError(
                    f"{len(body)} bytes were sent again that are not the {len(wanted)} of before"
                )

    def _upload(self, upload: Scenario, injection: Injection | None) -> tuple[Player, object]:
        file = upload.arguments["file"]
        if not isinstance(file, FileUpload):
            raise TypeError("`file` of upload_file is a FileUpload")
        source = _Watched(file.source)
        player = Player(Script(upload.exchanges, upload.also, injection))
        plan = self.plan(self.account(), upload, file=replace(file, source=source))
        ending = self.ending(player, plan)
        streamed = [turn for turn, _ in player.bodies if not isinstance(turn.request.body, bytes)]
        if source.passes < len(streamed):
            raise AssertionError(
                f"the body was sent {len(streamed)} times and its source begun {source.passes} "
                "times: call its chunks() at each pass"
            )
        return player, ending


@dataclass(slots=True)
class _Watched:
    """A source that counts how often it was begun."""

    source: Source
    passes: int = field(default=0)

    @property
    def length(self) -> int:
        return self.source.length

    def chunks(self) -> Iterator[bytes]:
        self.passes += 1
        return self.source.chunks()


def _check_error(ending: object) -> None:
    noticed = isinstance(ending, BatchyardError)
    if not noticed:
        raise AssertionError(f"the fault went unnoticed: {ending!r}")


def _must_notice(scenario: Scenario, injection: Injection) -> bool:
    """Whether the fault, at this exchange, leaves nothing but an error or the right result.

    A file's content is not for the provider to understand, so it may take a page
    of HTML for a file; all that is asked of it then is that it survives.
    """
    happens = fault(injection.fault)
    last = injection.at == len(scenario.exchanges) - 1
    content = scenario.operation == "file_content" and last and injection.fault in GARBLED
    return happens.noticed and not content


def _is_down(injection: Injection) -> bool:
    """Whether nobody could use the account now."""
    return injection.for_ever and injection.fault in {"refused", "timeout", "401", "503"}


def _warns(findings: object) -> bool:
    return isinstance(findings, list) and any(one.level != "ok" for one in findings)


def _check_looked_up(turns: Sequence[Turn], create: int) -> None:
    unsure: Turn | None = None
    for turn in turns:
        if turn.index == create:
            if unsure is not None and not _keyed([unsure, turn]):
                raise AssertionError(f"{turn.request} was sent again without looking first")
            unsure = turn if turn.fault is not None and turn.fault.ambiguous else None
        elif turn.index is None and turn.answered:  # no part of the way to the create
            unsure = None


def _keyed(sent: Sequence[Turn]) -> bool:
    """Whether the service can tell a repetition: it is given the same key each time."""
    keys = {_key(turn.request) for turn in sent}
    return len(keys) == 1 and None not in keys


def _key(request: Request) -> str | None:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return headers.get("idempotency-key")


def _plain(turn: Turn, body: bytes) -> bytes:
    """A form without its boundary, which may be another each time."""
    headers = {name.lower(): value for name, value in turn.request.headers.items()}
    found = re.search(r'boundary="?([^";]+)', headers.get("content-type", ""))
    return body.replace(found.group(1).encode(), b"boundary") if found else body
