"""Whether the provider is one: found, loaded, registered, complete."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel

from batchyard.lines import ResultLine, ResultResponse, decode_result
from batchyard.models import Limits, Usage
from batchyard.registry import OPERATIONS, Registry, declared
from batchyard.testing._scenario import Scenario
from batchyard.testing._secrecy import check_text
from batchyard.testing._subject import Subject, registry

__all__ = ["LoadingTests"]

IMPORTING = """
import importlib, sys
import batchyard.effects, batchyard.errors, batchyard.hookspecs
import batchyard.lines, batchyard.models, batchyard.steps
before = set(sys.modules)
importlib.import_module(sys.argv[1])
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)
if "batchyard.drivers" in sys.modules:
    print("batchyard.drivers")
"""

CREDENTIAL = re.compile(r"(?:^|_)(?:key|secret|token|password|passphrase)$")
"""Names of settings that hold a credential."""

FALLBACK_ENDPOINT = "/v1/chat/completions"

ODD_USAGES: tuple[str, ...] = (
    "null",
    "[]",
    "7",
    '"many"',
    "{}",
    '{"total_tokens": null}',
    '{"prompt_tokens": "12", "completion_tokens": [1]}',
    '{"prompt_tokens": -5, "completion_tokens": 1.5, "input_tokens": -1}',
    '{"input_tokens": 1e400, "output_tokens": 99999999999999999999999999}',
    '{"prompt_tokens": 3, "prompt_tokens_details": [], "output_tokens_details": "none"}',
    '{"input_tokens": 3, "input_tokens_details": {"cached_tokens": {}}}',
    '{"promptTokenCount": "x", "candidatesTokenCount": null}',
)

ODD_BODIES: tuple[bytes, ...] = (
    b"null",
    b"[]",
    b'"text"',
    b"7",
    b"{}",
    b'{"model": 7, "usage": {}}',
    b'{"broken',
    b"\xff\xfe",
    b"[" * 100_000,
    *(f'{{"model": "m", "usage": {usage}}}'.encode() for usage in ODD_USAGES),
    *(f'{{"usageMetadata": {usage}}}'.encode() for usage in ODD_USAGES),
)


class LoadingTests(Subject):
    """The entry point, the class it names, and its plain hooks."""

    light: ClassVar[frozenset[str]] = frozenset()
    """Third-party modules that importing the entry point's module may import all the same."""

    def test_it_loads_by_its_entry_point_and_registers(self) -> None:
        account = self.account()
        cls = registry(self.provider).provider(self.provider)
        if account.provider != cls.name or not issubclass(cls.Settings, BaseModel):
            raise AssertionError(f"Settings of {cls.name} must be a pydantic model")

    def test_it_says_which_contract_it_is_written_for(self) -> None:
        if declared(registry(self.provider).provider(self.provider)) is None:
            raise AssertionError(
                f'{self.provider} lacks contract = ">=1.0,<2", so nobody will be told why it '
                "does not fit a later batchyard"
            )

    def test_an_empty_environment_offers_nothing_or_settings(self) -> None:
        cls: Any = registry(self.provider).provider(self.provider)
        if not hasattr(cls, "from_environment"):
            return
        offered = cls.from_environment({})
        if offered is not None and not isinstance(offered, cls.Settings):
            raise AssertionError(f"from_environment({{}}) returned {type(offered).__name__}")

    def test_its_aliases_are_its_entry_points(self) -> None:
        cls: Any = registry(self.provider).provider(self.provider)
        infos = Registry({}).installed("providers")
        (own,) = (one for one in infos if one.name == self.provider)
        claimed = {one.name for one in infos if one.value == own.value}
        named = {cls.name, *getattr(cls, "aliases", ())}
        if claimed != named:
            raise AssertionError(
                f"the class is called {sorted(named)}, its entry points {sorted(claimed)}"
            )

    def test_importing_it_imports_no_http_library_and_no_sdk(self) -> None:
        info = next(
            one
            for one in registry(self.provider).installed("providers")
            if one.name == self.provider
        )
        module = info.value.partition(":")[0]
        done = subprocess.run(  # noqa: S603 - our own interpreter, and a module that is installed
            [sys.executable, "-c", IMPORTING, module], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"importing {module} failed: {done.stderr}")
        # Settings are a pydantic model, and pydantic loads its parts as they are used
        allowed = {"batchyard", "pydantic", module.partition(".")[0], *self.light}
        heavy = sorted(set(done.stdout.split()) - allowed)
        if heavy:
            raise AssertionError(
                f"importing {module} imports {', '.join(heavy)} too; import it where it is used, "
                "or name it in `light` if it costs nothing"
            )

    def test_every_operation_has_a_scenario(self) -> None:
        supported = set(self.account().operations)
        tried = {scenario.operation for scenario in self.scenarios}
        if supported != tried:
            raise AssertionError(
                f"operations without a scenario: {sorted(supported - tried)}; "
                f"scenarios without an operation: {sorted(tried - supported)}"
            )

    def test_an_operation_returns_a_plan(self, scenario: Scenario) -> None:
        account = self.account()
        if scenario.operation not in OPERATIONS:
            raise AssertionError(f"there is no operation {scenario.operation}")
        plan = self.plan(account, scenario)
        if inspect.iscoroutine(plan):
            plan.close()

    def test_a_credential_is_a_secret(self) -> None:
        """Whatever is called a key: what is no SecretStr is looked for nowhere."""
        settings = self.made_settings()
        plain = [
            name
            for name in type(settings).model_fields
            if CREDENTIAL.search(name) and isinstance(getattr(settings, name), str)
        ]
        if plain:
            raise AssertionError(f"{', '.join(plain)} of Settings must be SecretStr")

    def test_no_repr_shows_a_secret(self) -> None:
        settings, secrets = self.made_settings(), self.secrets()
        plugin = registry(self.provider).provider(self.provider)(settings)
        for value in (settings, plugin, self.account()):
            for text in (repr(value), str(value)):
                check_text(f"the repr of {type(value).__name__}", text, secrets)

    def test_tokens_are_read_from_whatever_a_line_holds(self) -> None:
        account = self.account()
        for endpoint in account.limits().endpoints or (FALLBACK_ENDPOINT,):
            read = account.usage_reader(endpoint)
            for line in _odd_lines():
                usage = read(line)
                if not _sensible(usage):
                    raise AssertionError(f"{endpoint}: {line!r} was read as {usage!r}")

    def test_limits_are_limits(self) -> None:
        account = self.account()
        for arguments in ((None, None), (FALLBACK_ENDPOINT, "some-model")):
            limits = account.limits(*arguments)
            if type(limits) is not Limits:
                raise AssertionError(f"limits returned a {type(limits).__name__}")
            for bound in (limits.max_lines, limits.max_bytes):
                if bound is not None and bound <= 0:
                    raise AssertionError(f"a limit of {bound} lets nothing through")

    def test_hooks_that_are_no_plans_are_plain_functions(self) -> None:
        cls = registry(self.provider).provider(self.provider)
        coloured = [
            name
            for name in ("billing", "limits", "staged_inputs", "usage_reader")
            if inspect.iscoroutinefunction(getattr(cls, name, None))
        ]
        if coloured:
            raise AssertionError(f"{', '.join(coloured)} must be def, not async def")


def _odd_lines() -> Iterator[ResultLine]:
    yield decode_result(b'{"custom_id": "a"}')
    yield decode_result(b'{"custom_id": "a", "response": null, "error": {"code": 7}}')
    for body in ODD_BODIES:
        for status in (0, 200, 500):
            yield ResultLine("a", response=ResultResponse(status, body_json=msgspec.Raw(body)))


def _sensible(usage: object) -> bool:
    if not isinstance(usage, Usage):
        return False
    counts = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )
    return all(type(one) is int and one >= 0 for one in counts)
