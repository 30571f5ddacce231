"""LiteLLM's names for settings and options, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["settings_of", "split_options"]

CALL = frozenset({"timeout", "max_retries"})
"""Options of one call.  Everything else belongs to the account."""

UNUSED = frozenset({"metadata", "litellm_call_id", "litellm_metadata"})
"""What LiteLLM takes in every function, for its own logs."""

NAMES = {"api_base": "base_url"}


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of the account, and the options of the call."""
    settings = {name: value for name, value in options.items() if name not in CALL | UNUSED}
    return settings, {name: value for name, value in options.items() if name in CALL}


def settings_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by our names; what is ``None`` was not given."""
    return {NAMES.get(name, name): value for name, value in options.items() if value is not None}
