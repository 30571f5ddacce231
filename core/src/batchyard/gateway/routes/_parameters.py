"""Parameters that several operations take, as they are described."""

from __future__ import annotations

from batchyard.gateway.routes._operations import ID, Parameter

__all__ = ["HINTS", "IDEMPOTENCY_KEY", "RANGES", "paged"]

IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "Of two requests with one key the first counts, and the second is answered with what that has "
    "created, and the header `Idempotency-Replayed`. With another body it is refused (409).",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]([ -~]*[!-~])?$"},
    "header",
)

_NAME = {"type": "string", "minLength": 1, "maxLength": 512}

_PROVIDER = "The provider that is to run it. Two that differ are refused."

_MODEL = "A model whose account is to run it. Two that differ are refused."

HINTS = (
    Parameter("custom_llm_provider", _PROVIDER, _NAME),
    Parameter("provider", _PROVIDER, _NAME),
    Parameter("model", _MODEL, _NAME),
    Parameter("account", "The account that is to run it.", _NAME),
    Parameter("custom-llm-provider", _PROVIDER, _NAME, "header"),
    Parameter("x-litellm-model", _MODEL, _NAME, "header"),
)
"""Where a batch is to run, besides what the body says of it."""

RANGES = (
    Parameter("Range", "One part, such as `bytes=0-1023`; several are not served.", where="header"),
    Parameter("If-Range", "The ETag for which the range is meant.", where="header"),
    Parameter("If-None-Match", "The ETag of what you have already.", where="header"),
)


def paged(most: int, default: int = 20) -> tuple[Parameter, ...]:
    """``after`` and ``limit`` of a list that is walked by its items' ids."""
    return (
        Parameter(
            "after",
            "The last id of the page before.",
            {"type": "string", "pattern": ID},
        ),
        Parameter(
            "limit",
            "How many to list at most.",
            {"type": "integer", "minimum": 1, "maximum": most, "default": default},
        ),
    )
