"""What `batchyard conformance` runs over a provider that is installed, and its emulator."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from pydantic import BaseModel

from batchyard.registry import LIMIT, Account, Registry
from batchyard.testing import _conformance
from batchyard.testing._end_to_end import EndToEndSuite
from batchyard.testing._loading_tests import LoadingTests
from batchyard.testing._secrecy import secrets_in

NOWHERE = "http://127.0.0.1:9"
"""An address that is never asked for anything."""


class TestInstalled(LoadingTests):
    """The provider by its entry point, with the settings that its emulator gives it."""

    provider = _conformance.chosen()
    scenarios = ()

    # what the author's own tests have scenarios for
    test_every_operation_has_a_scenario: ClassVar[Any] = None
    test_an_operation_returns_a_plan: ClassVar[Any] = None
    # an emulator's credentials are not such as cannot occur by chance, in parts
    test_no_repr_shows_a_secret: ClassVar[Any] = None

    def test_no_repr_shows_a_credential(self) -> None:
        settings = self.made_settings()
        shown = repr(settings) + repr(self.account())
        if any(one and one in shown for one in secrets_in(settings)):
            raise AssertionError("a repr shows a credential")

    @cached_property
    def _registry(self) -> Registry:
        emulator = Registry({}).load("emulators", self.provider)()
        try:
            environment = emulator.environment(NOWHERE)
        finally:
            emulator.close()
        return Registry({**environment, LIMIT: self.provider})

    def account(self, url: str | None = None) -> Account:  # noqa: ARG002 - the suite's signature
        return self._registry.account(self.provider)

    def made_settings(self) -> BaseModel:
        return self._registry.settings(self.provider)[1]


class TestEndToEnd(EndToEndSuite):
    provider = _conformance.chosen()
