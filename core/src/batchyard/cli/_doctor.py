"""``batchyard doctor``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._options import Where, debug_option, json_option, with_account
from batchyard.cli._output import echo, emit
from batchyard.client import Client
from batchyard.config import load
from batchyard.errors import BatchyardError, ConfigError, UnsupportedError
from batchyard.models import Finding
from batchyard.registry import Registry

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class Checked:
    """An account, and what its provider found."""

    account: str
    provider: str | None
    findings: Sequence[Finding]


@click.command("doctor", short_help="Check that the accounts can be used.")
@with_account
@json_option
@debug_option
def command(where: Where, as_json: bool) -> None:
    """Ask the providers whether the accounts can be used: credentials, roles, addresses.

    All accounts of the configuration, or the one that is named; without a
    configuration, the providers that the environment has settings for.  Exit
    code 1 says that one of them cannot be used.
    """
    registry = Registry()
    checked = [_checked(registry, where, name) for name in _names(registry, where)]
    well = all(finding.level != "error" for one in checked for finding in one.findings)
    if as_json:
        emit({"ok": well, "accounts": [asdict(one) for one in checked]})
    else:
        for one in checked:
            _show(one)
    if not well:
        raise SystemExit(EXIT_ERROR)


def _names(registry: Registry, where: Where) -> tuple[str, ...]:
    if where.account:
        return (where.account,)
    names = load(registry.environ, where.config).names or registry.offered()
    if not names:
        raise ConfigError(
            "there is no account to check: the configuration has none, "
            "and no installed provider finds its variables"
        )
    return names


def _checked(registry: Registry, where: Where, name: str) -> Checked:
    try:
        client = Client(name, config_file=where.config, registry=registry)
    except BatchyardError as error:
        return Checked(name, error.provider, [Finding("error", "settings", error.message)])
    with client:
        account = client.account
        return Checked(account.name, account.provider, _findings(client))


def _findings(client: Client) -> list[Finding]:
    try:
        return client.check()
    except UnsupportedError:
        return [Finding("warning", "check_account", "this provider checks nothing")]
    except BatchyardError as error:
        return [Finding("error", "check_account", error.message)]
    except Exception as error:  # noqa: BLE001 - a plugin's fault is a finding like any other
        return [Finding("error", "check_account", f"{type(error).__name__}: {error}")]


def _show(one: Checked) -> None:
    of = f" ({one.provider})" if one.provider and one.provider != one.account else ""
    echo(f"{one.account}{of}")
    for finding in one.findings:
        echo(f"  {finding.level:<7}  {finding.check}: {finding.message}")
        if finding.fix:
            echo(f"           {finding.fix}")
