"""From one configuration to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batchyard.config._gateway import LEAST
from batchyard.config.from_litellm._accounts import AccountDraft, Accounts, reference
from batchyard.config.from_litellm._models import Guess, Models
from batchyard.config.from_litellm._remarks import Remark, Remarks
from batchyard.config.from_litellm._toml import as_toml
from batchyard.registry import Registry

__all__ = ["Conversion", "convert"]

STORE = "batchyard-files"

CALLBACKS = ("callbacks", "success_callback", "failure_callback")

OTHERS: Mapping[str, str] = {
    "router_settings": "a batch is sent to one account, chosen by weight",
    "litellm_settings": "it is about single requests, not batches",
    "general_settings": "the gateway has no such setting",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result as text, and what there is to know of it."""

    toml: str
    remarks: Sequence[Remark]
    accounts: int
    models: int


def convert(registry: Registry, data: Mapping[str, Any], guess: Guess) -> Conversion:
    """Our configuration for what *data* says of batches.

    *guess* names the provider of a model that is named without one.  Nothing is
    left out without a remark; a secret is in the result only where *data* has it.
    """
    remarks = Remarks()
    accounts = Accounts(registry, remarks)
    models = Models(registry, accounts, remarks, guess)
    for number, entry in enumerate(_list(data, "model_list", remarks)):
        models.add(entry, f"model_list.{number}")
    offered = _files_settings(data, registry, accounts, remarks)
    router = _mapping(data, "router_settings", remarks)
    aliases = router.get("model_group_alias")
    for name, target in (aliases if isinstance(aliases, Mapping) else {}).items():
        models.alias(str(name), target, f"router_settings.model_group_alias.{name}")
    accounts.name_all()
    tables = models.tables()
    result: dict[str, Any] = {}
    default = _default(accounts, offered, remarks)
    if default is not None:
        result["default_account"] = default
    result |= _general(_mapping(data, "general_settings", remarks), remarks)
    result["accounts"] = {one.name: one.table() for one in accounts.all}
    result["models"] = tables
    _rest(data, router, remarks)
    return Conversion(
        as_toml({key: one for key, one in result.items() if one}),
        tuple(remarks.all),
        len(accounts.all),
        len(tables),
    )


def _list(data: Mapping[str, Any], key: str, remarks: Remarks) -> Sequence[Any]:
    value = data.get(key)
    if isinstance(value, list):
        return value
    if value is not None:
        remarks.lost(key, "it is no list")
    return ()


def _mapping(data: Mapping[str, Any], key: str, remarks: Remarks) -> Mapping[str, Any]:
    value = data.get(key)
    if isinstance(value, Mapping):
        return value
    if value is not None:
        remarks.lost(key, "it is no mapping")
    return {}


def _files_settings(
    data: Mapping[str, Any], registry: Registry, accounts: Accounts, remarks: Remarks
) -> list[AccountDraft]:
    installed = {one.name for one in registry.installed("providers")}
    found = []
    for number, entry in enumerate(_list(data, "files_settings", remarks)):
        path = f"files_settings.{number}"
        provider = entry.get("custom_llm_provider") if isinstance(entry, Mapping) else None
        if provider not in installed:
            remarks.lost(path, f"no provider {provider!r} is installed")
            continue
        account, taken = accounts.of(provider, entry, path)
        found.append(account)
        taken.add("custom_llm_provider")
        remarks.rest(path, entry, taken, "the provider has no such setting")
    return found


def _default(accounts: Accounts, offered: Sequence[AccountDraft], remarks: Remarks) -> str | None:
    """Where files and batches go of which nothing says where."""
    if len(accounts.all) < 2:
        return None
    if not offered:
        remarks.note(
            "files_settings",
            "without it no account is the default one: set default_account, or let batches name "
            "a model, a provider or an account",
        )
        return None
    if len({one.name for one in offered}) > 1:
        remarks.note("files_settings", f"the first is the default account: {offered[0].name}")
    return offered[0].name


def _general(general: Mapping[str, Any], remarks: Remarks) -> dict[str, Any]:
    found: dict[str, Any] = {}
    key = general.get("master_key")
    if key is not None:
        text = reference(key)
        if text is None or (not text.startswith("env:") and len(text) < LEAST):
            why = f"it has less than {LEAST} characters: make one with `openssl rand -hex 32`"
            remarks.lost("general_settings.master_key", why)
        else:
            found["gateway"] = {"master_key": text}
    url = general.get("database_url")
    if url is not None:
        text = reference(url)
        if text is None or not text.startswith(("env:", "postgresql://", "postgres://")):
            remarks.lost("general_settings.database_url", "it is no address of Postgres")
        else:
            found["ledger"] = {"url": text, "store": STORE}
            remarks.note(
                "general_settings.database_url",
                f"the ledger makes tables of its own there; its files are in the folder {STORE}, "
                "which all processes have to share",
            )
    remarks.rest(
        "general_settings",
        general,
        {"master_key", "database_url"},
        OTHERS["general_settings"],
    )
    return found


def _rest(data: Mapping[str, Any], router: Mapping[str, Any], remarks: Remarks) -> None:
    remarks.rest("router_settings", router, {"model_group_alias"}, OTHERS["router_settings"])
    settings = _mapping(data, "litellm_settings", remarks)
    for name in CALLBACKS:
        if name in settings:
            value = settings[name]
            names = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            remarks.lost(
                f"litellm_settings.{name}",
                f"{names}: each is a sink here, unchanged, by batchyard-litellm: [sinks.NAME], "
                'sink = "litellm" and callback = "…"',
            )
    remarks.rest("litellm_settings", settings, {*CALLBACKS}, OTHERS["litellm_settings"])
    variables = _mapping(data, "environment_variables", remarks)
    remarks.rest("environment_variables", variables, set(), "set it where the gateway is started")
    if "include" in data:
        remarks.lost("include", "convert the files that it names by themselves")
    done = {
        "model_list",
        "files_settings",
        "general_settings",
        "router_settings",
        "litellm_settings",
        "environment_variables",
        "include",
    }
    for key in data:
        if key not in done:
            remarks.lost(str(key), "it has no counterpart here")
