"""The provider under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel

from batchyard.errors import BatchyardError
from batchyard.models import Call
from batchyard.registry import LIMIT, Account, Registry
from batchyard.testing._faults import Injection
from batchyard.testing._replay import Player
from batchyard.testing._scenario import Exchange, Scenario
from batchyard.testing._script import Script
from batchyard.testing._secrecy import PIECE, check_text, secrets_in

__all__ = ["Subject"]


class Subject:
    """What an author fills in, and what the tests make of it.

    ``provider`` is the name of the entry point.  ``settings`` make an account;
    give its credentials values that cannot occur by chance, since they are
    looked for in errors, reprs and logs.
    """

    provider: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}
    scenarios: ClassVar[Sequence[Scenario]]

    def settings_for(self, url: str) -> Mapping[str, Any] | None:  # noqa: ARG002 - for those who override it
        """The settings, beside the others, that make the provider talk to *url*.

        ``None`` where it cannot be told to; then the drivers are not tried.
        """
        return None

    def account(self, url: str | None = None) -> Account:
        """A fresh account, with neither listeners nor middleware of this installation."""
        more = (self.settings_for(url) or {}) if url else {}
        return registry(self.provider).account(self.provider, {**self.settings, **more})

    def made_settings(self) -> BaseModel:
        return registry(self.provider).provider(self.provider).Settings(**self.settings)

    def secrets(self) -> list[str]:
        found = [one for one in secrets_in(self.made_settings()) if one]
        if any(len(one) < PIECE for one in found):
            raise AssertionError(
                f"give secrets of {PIECE} characters: shorter ones occur by chance"
            )
        return found

    def plan(self, account: Account, scenario: Scenario, **arguments: object) -> Any:
        """The plan, or the stream, of the scenario's operation; *arguments* win over its own."""
        given = {"call": Call(account.name), **scenario.arguments, **arguments}
        return getattr(account, scenario.operation)(**given)

    def play(
        self,
        scenario: Scenario,
        injection: Injection | None = None,
        also: Sequence[Exchange] | None = None,
    ) -> tuple[Player, Any]:
        """The scenario by script: who played it, and the result or the error it ended with."""
        beside = scenario.also if also is None else also
        player = Player(Script(scenario.exchanges, beside, injection))
        return player, self.ending(player, self.plan(self.account(), scenario))

    def ending(self, player: Player, plan: Any) -> Any:
        """What a plan ends with; an error is returned if it is one that may be raised."""
        try:
            return player.play(plan)
        except BatchyardError as error:
            return error
        finally:
            self._check_requests(player)

    def _check_requests(self, player: Player) -> None:
        secrets = self.secrets()
        for turn in player.script.turns:
            # URLs are logged, without their query
            check_text("a URL", turn.request.url.partition("?")[0], secrets)
            check_text("the repr of a request", repr(turn.request), secrets)
        for event in player.events:
            check_text("an event", repr(event), secrets)


@cache
def registry(provider: str) -> Registry:
    """A registry for which the environment is empty, and nothing but the provider installed."""
    return Registry({LIMIT: provider})
