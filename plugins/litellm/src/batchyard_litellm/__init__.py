"""LiteLLM's loggers, unchanged, for Batchyard's batches.

As a sink, which delivers durably::

    [sinks.usage]
    sink = "litellm"
    callback = "my_package.loggers.UsageLogger"

or as a listener, in the program's own process::

    from batchyard import Client
    from batchyard_litellm import Listener

    client = Client("openai", listeners=[Listener(UsageLogger())])

LiteLLM itself need not be installed for a logger that does not import it.
"""

from __future__ import annotations

from batchyard_litellm._calling import LoggerError
from batchyard_litellm._calls import LoggerCall, call_of
from batchyard_litellm._listener import Listener
from batchyard_litellm._sink import LiteLLM, LiteLLMSettings

__all__ = ["Listener", "LiteLLM", "LiteLLMSettings", "LoggerCall", "LoggerError", "call_of"]
