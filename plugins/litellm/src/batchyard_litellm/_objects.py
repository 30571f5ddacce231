"""The batch, as LiteLLM's loggers are given it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["BatchObject", "batch_object"]


class BatchObject(dict[str, Any]):
    """A batch whose fields are keys and attributes, as those of ``LiteLLMBatch`` are."""

    def __init__(self, fields: Mapping[str, Any], hidden_params: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self._hidden_params = dict(hidden_params)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def hidden_params(self) -> dict[str, Any]:
        return self._hidden_params

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return dict(self)

    def json(self, **_: Any) -> dict[str, Any]:
        return dict(self)


def batch_object(fields: Mapping[str, Any], hidden_params: Mapping[str, Any]) -> Any:
    """LiteLLM's own object where the program has LiteLLM, which then is what loggers look for."""
    types = sys.modules.get("litellm.types.utils")
    if types is not None:
        try:
            made = types.LiteLLMBatch(**fields)
            made.hidden_params = dict(hidden_params)
        except (AttributeError, TypeError, ValueError):
            # another version of it, or a batch that OpenAI's model does not know
            return BatchObject(fields, hidden_params)
        return made
    return BatchObject(fields, hidden_params)
