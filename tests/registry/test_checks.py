"""What a plugin must be is said when it is registered: who, which hook, and what instead."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from batchyard.errors import PluginContractError, UnsupportedError
from batchyard.models import Call, Ref
from batchyard.registry import LIMIT, Account, Registry
from tests.registry.distributions import PROVIDER, Site

CALL = Call("acme")

PROVIDERS = {
    "misspelt hook": (
        "@hookimpl\nasync def create_bach(self, call, batch): ...",
        ": there is no hook 'create_bach'; did you mean 'create_batch'?",
    ),
    "no such hook": (
        "@hookimpl\nasync def zzz(self, call): ...",
        ": there is no hook 'zzz'",
    ),
    "misspelt argument": (
        "@hookimpl\nasync def create_batch(self, call, bach): ...",
        ".create_batch has no argument 'bach', only call, batch; did you mean 'batch'?",
    ),
    "more arguments": (
        "@hookimpl\nasync def create_batch(self, call, batch, zone): ...",
        ".create_batch has no argument 'zone', only call, batch",
    ),
    "default": (
        "@hookimpl\nasync def create_batch(self, call, batch=None): ...",
        (
            ".create_batch: 'batch' has a default, so its value would never be passed; "
            "take the default away"
        ),
    ),
    "keyword-only": (
        "@hookimpl\nasync def create_batch(self, call, *, batch): ...",
        ".create_batch: 'batch' is keyword-only; hooks are called by position",
    ),
    "star": (
        "@hookimpl\nasync def create_batch(self, *args): ...",
        ".create_batch takes *args, which is never passed",
    ),
    "two stars": (
        "@hookimpl\nasync def create_batch(self, call, **options): ...",
        ".create_batch takes **options, which is never passed",
    ),
    "wrapper": (
        "@hookimpl(wrapper=True)\ndef create_batch(self, call, batch):\n    return (yield)",
        ".create_batch is a wrapper; only a middleware may be one",
    ),
    "event": (
        "@hookimpl\ndef batch_created(self, event): ...",
        (
            ": batch_created belongs to the contract of listeners, and this is registered among "
            "providers"
        ),
    ),
}

MIDDLEWARE = {
    "answer": (
        "@hookimpl\nasync def create_batch(self, call, batch): ...",
        ".create_batch answers an operation; a middleware wraps it: @hookimpl(wrapper=True)",
    ),
    "no yield": (
        "@hookimpl(wrapper=True)\ndef create_batch(self, call, batch):\n    return 1",
        ".create_batch is a wrapper, so it must be a def with one yield",
    ),
    "async": (
        "@hookimpl(wrapper=True)\nasync def create_batch(self, call, batch):\n    yield",
        ".create_batch is a wrapper, so it must be a def with one yield",
    ),
    "event": (
        "@hookimpl(wrapper=True)\ndef batch_created(self, event):\n    yield",
        (
            ": batch_created belongs to the contract of listeners, and this is registered among "
            "middleware"
        ),
    ),
    "misspelt": (
        "@hookimpl(wrapper=True)\ndef upload_fil(self):\n    return (yield)",
        ": there is no hook 'upload_fil'; did you mean 'upload_file'?",
    ),
}

LISTENERS = {
    "operation": (
        "@hookimpl\nasync def upload_file(self, call, file): ...",
        (
            ": upload_file belongs to the contract of providers, and this is registered among "
            "listeners"
        ),
    ),
    "misspelt": (
        "@hookimpl\ndef batch_sucess(self, event): ...",
        ": there is no hook 'batch_sucess'; did you mean 'batch_success'?",
    ),
    "argument": (
        "@hookimpl\ndef batch_success(self, batch): ...",
        ".batch_success has no argument 'batch', only event",
    ),
    "wrapper": (
        "@hookimpl(wrapper=True)\ndef batch_success(self, event):\n    yield",
        ".batch_success is a wrapper; only a middleware may be one",
    ),
}

OTHERS = {
    "sinks": (
        "def delivr(self, event): ...",
        ": there is no hook 'delivr'; did you mean 'deliver'?",
    ),
    "gates": (
        "def check_lines(self, line): ...",
        ".check_lines has no argument 'line', only lines; did you mean 'lines'?",
    ),
    "prices": (
        "def rates(self, model, tier='batch'): ...",
        ".rates: 'tier' has a default, so its value would never be passed; take the default away",
    ),
    "engines": (
        "def deliver(self, event): ...",
        ": deliver belongs to the contract of sinks, and this is registered among engines",
    ),
}


def class_with(hook: str) -> str:
    return (
        "from batchyard.hookspecs import hookimpl\n\n"
        "class Odd:\n" + textwrap.indent(hook, "    ") + "\n"
    )


def object_with(hook: str) -> object:
    namespace: dict[str, Any] = {}
    exec(class_with(hook), namespace)  # noqa: S102 - our own text
    made: object = namespace["Odd"]()
    return made


@pytest.mark.parametrize(("hook", "why"), PROVIDERS.values(), ids=list(PROVIDERS))
def test_a_provider_that_breaks_the_contract_is_refused(site: Site, hook: str, why: str) -> None:
    site.provider(PROVIDER + textwrap.indent(f"\n{hook}", "    "))
    with pytest.raises(PluginContractError) as caught:
        Registry({}).account("acme", {"key": "k"})
    assert str(caught.value) == f"acme (acme-pkg 1.2){why}"


@pytest.mark.parametrize(("hook", "why"), MIDDLEWARE.values(), ids=list(MIDDLEWARE))
def test_a_middleware_that_breaks_the_contract_is_refused_or_left_out(
    site: Site, caplog: pytest.LogCaptureFixture, hook: str, why: str
) -> None:
    site.provider()
    with pytest.raises(PluginContractError) as caught:
        Registry({}).account("acme", {"key": "k"}, middleware=[object_with(hook)])
    assert str(caught.value) == f"Odd{why}"
    site.add("odd-pkg", {"middleware": "odd = odd_module:Odd"}, {"odd_module": class_with(hook)})
    Registry({}).account("acme", {"key": "k"})
    assert caplog.messages == [f"odd (odd-pkg 1.2) left out: odd (odd-pkg 1.2){why}"]


@pytest.mark.parametrize(("hook", "why"), LISTENERS.values(), ids=list(LISTENERS))
def test_a_listener_that_breaks_the_contract_is_refused_or_left_out(
    site: Site, caplog: pytest.LogCaptureFixture, hook: str, why: str
) -> None:
    site.provider()
    with pytest.raises(PluginContractError) as caught:
        Registry({}).account("acme", {"key": "k"}, listeners=[object_with(hook)])
    assert str(caught.value) == f"Odd{why}"
    site.add("odd-pkg", {"listeners": "odd = odd_module:Odd"}, {"odd_module": class_with(hook)})
    Registry({}).account("acme", {"key": "k"})
    assert caplog.messages == [f"odd (odd-pkg 1.2) left out: odd (odd-pkg 1.2){why}"]


@pytest.mark.parametrize("group", OTHERS)
def test_a_named_plugin_that_breaks_the_contract_is_refused(site: Site, group: str) -> None:
    hook, why = OTHERS[group]
    source = class_with(f"@hookimpl\n{hook}")
    site.add("odd-pkg", {group: "odd = odd_module:Odd"}, {"odd_module": source})
    with pytest.raises(PluginContractError) as caught:
        Registry({}).plugin(group, "odd")
    assert str(caught.value) == f"odd (odd-pkg 1.2){why}"


def test_a_provider_that_marks_nothing_is_told_of_the_decorator(site: Site) -> None:
    site.provider(PROVIDER.replace("    @hookimpl\n", ""))
    with pytest.raises(PluginContractError) as caught:
        Registry({}).account("acme", {"key": "k"})
    assert str(caught.value) == (
        "acme (acme-pkg 1.2) implements no hook of providers; is @hookimpl missing?"
    )


def test_a_listener_that_is_passed_twice_is_refused(site: Site) -> None:
    site.provider()
    hearing = object_with("@hookimpl\ndef batch_created(self, event): ...")
    with pytest.raises(PluginContractError, match=r"^Odd is registered twice$"):
        Registry({}).account("acme", {"key": "k"}, listeners=[hearing, hearing])


def test_a_hook_may_take_fewer_arguments_and_others_with_defaults_of_its_own(site: Site) -> None:
    source = PROVIDER.replace("self, call, batch):", "self, batch, mine=7):")
    site.provider(source.replace("id=batch.id", "id=f'{batch.id}-{mine}'"))
    account = Registry({}).account("acme", {"key": "k"})
    assert ended(account.retrieve_batch(CALL, Ref("batch-1"))).id == "batch-1-7"


def test_a_decorator_that_hides_the_hooks_name_changes_nothing(site: Site) -> None:
    hiding = """
        def hidden(function):
            async def inner(self, call, batch):
                return await function(self, call, batch)
            return inner
    """
    source = PROVIDER.replace("class Settings", f"{textwrap.dedent(hiding)}\nclass Settings", 1)
    site.provider(source.replace("    @hookimpl\n", "    @hookimpl\n    @hidden\n"))
    account = Registry({}).account("acme", {"key": "k"})
    assert account.operations == ("retrieve_batch",)
    assert ended(account.retrieve_batch(CALL, Ref("batch-1"))).id == "batch-1"


@pytest.mark.parametrize("call_account", [Account.cancel_batch, Account.file_content])
def test_an_operation_that_the_provider_lacks_is_unsupported(site: Site, call_account: Any) -> None:
    site.provider()
    account = Registry({}).account("acme", {"key": "k"}, name="acme-eu")
    with pytest.raises(UnsupportedError) as caught:
        call_account(account, CALL, Ref("x"))
    error = caught.value
    assert str(error) == f"acme does not support {call_account.__name__}"
    assert (error.code, error.provider, error.account) == (
        "unsupported_operation",
        "acme",
        "acme-eu",
    )
    assert error.status_hint == 400


PLANLESS = {
    "nothing": ("def cancel_batch(self, call, batch): ...", "cancel_batch", "NoneType"),
    "value": ("def cancel_batch(self, call, batch): return batch", "cancel_batch", "Ref"),
    "stream": (
        "async def cancel_batch(self, call, batch):\n    yield batch",
        "cancel_batch",
        "async_generator",
    ),
    "plan": ("async def file_content(self, call, file): ...", "file_content", "coroutine"),
    "iterator": ("def file_content(self, call, file):\n    yield b''", "file_content", "generator"),
}


@pytest.mark.parametrize(("hook", "name", "kind"), PLANLESS.values(), ids=list(PLANLESS))
def test_an_operation_that_returns_no_plan_is_told_with_its_distribution(
    site: Site, hook: str, name: str, kind: str
) -> None:
    site.provider(PROVIDER + textwrap.indent(f"\n@hookimpl\n{hook}", "    "))
    # alone: what is installed here may have middleware in it
    account = Registry({LIMIT: "acme-pkg"}).account("acme", {"key": "k"})
    with pytest.raises(PluginContractError) as caught:
        getattr(account, name)(CALL, Ref("x"))
    wanted = "an async generator" if name == "file_content" else "a plan (an async def's coroutine)"
    assert str(caught.value) == f"{name} of acme (acme-pkg 1.2) must return {wanted}, not {kind}"


def test_without_hooks_of_its_own_a_provider_has_no_limits_and_openais_usage(site: Site) -> None:
    site.provider()
    account = Registry({}).account("acme", {"key": "k"})
    assert account.limits("/v1/responses", "m").max_lines is None
    assert callable(account.usage_reader("/v1/responses"))


def ended(plan: Any) -> Any:
    """The result of a plan that awaits nothing."""
    with pytest.raises(StopIteration) as stop:
        plan.send(None)
    return stop.value.value
