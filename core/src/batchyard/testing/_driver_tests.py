"""The provider over a real socket, in both colours."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any, cast

import pytest

from batchyard.drivers import AsyncDriver, Driver, Transport
from batchyard.effects import Stream
from batchyard.errors import BatchyardError
from batchyard.registry import Account
from batchyard.testing._clock import ManualClock
from batchyard.testing._faults import Injection
from batchyard.testing._scenario import Scenario
from batchyard.testing._script import Script
from batchyard.testing._secrecy import check_logs
from batchyard.testing._server import serving
from batchyard.testing._subject import Subject

__all__ = ["DriverTests"]

TRANSPORT = Transport(verify=False)
"""Nothing is encrypted here, and loading the certificates takes longer than all the rest."""


class DriverTests(Subject):
    """Each scenario through the drivers that users have."""

    def test_both_drivers_end_like_the_replay(
        self,
        scenario: Scenario,
        colour: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        scenario.check(self._drive(scenario, None, colour, monkeypatch))
        check_logs(caplog, self.secrets())

    def test_an_error_says_who_was_asked_and_what_the_status_was(
        self, scenario: Scenario, colour: str, status: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not scenario.exchanges:
            return  # nobody is asked
        injection = Injection(status, for_ever=True)
        error = self._drive(scenario, injection, colour, monkeypatch)
        if not isinstance(error, BatchyardError):
            if scenario.operation == "check_account":
                return  # which has findings, not errors
            raise AssertionError(f"status {status} went unnoticed: {error!r}")
        said = (error.provider, error.account, error.status)
        if said != (self.account().provider, self.account().name, int(status)):
            raise AssertionError(f"{error!r} says {said}")

    def _drive(
        self,
        scenario: Scenario,
        injection: Injection | None,
        colour: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> Any:
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "127.0.0.1")
        with serving() as server:
            if self.settings_for(server.url) is None:
                pytest.skip(f"settings_for() of {type(self).__name__} cannot redirect it")
            server.script = Script(scenario.exchanges, scenario.also, injection)
            account = self.account(server.url)
            run = _block if colour == "blocking" else _await
            ending = run(account, self.plan(account, scenario))
            if server.complaint is not None:
                raise server.complaint
            if injection is None and not isinstance(ending, BatchyardError):
                server.script.finish()
        return ending


def _block(account: Account, plan: Any) -> Any:
    with Driver(account, TRANSPORT, ManualClock()) as driver:
        try:
            if inspect.isasyncgen(plan):
                return b"".join(driver.stream(cast("Stream[bytes]", plan)))
            return driver.run(plan)
        except BatchyardError as error:
            return error


def _await(account: Account, plan: Any) -> Any:
    async def run() -> Any:
        async with AsyncDriver(account, TRANSPORT, ManualClock()) as driver:
            try:
                if inspect.isasyncgen(plan):
                    stream = cast("Stream[bytes]", plan)
                    return b"".join([piece async for piece in driver.stream(stream)])
                return await driver.run(plan)
            except BatchyardError as error:
                return error

    return asyncio.run(run())
