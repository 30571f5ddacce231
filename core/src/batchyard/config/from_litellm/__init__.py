"""A configuration of LiteLLM's proxy as one of ours, as far as it has to do with batches."""

from __future__ import annotations

from batchyard.config.from_litellm._converting import Conversion, convert
from batchyard.config.from_litellm._remarks import Remark
from batchyard.config.from_litellm._yaml import read_yaml

__all__ = ["Conversion", "Remark", "convert", "read_yaml"]
