"""What Langfuse's own SDK sends, captured."""

from __future__ import annotations

from typing import Any

from langfuse import Langfuse, propagate_attributes
from opentelemetry.sdk.trace import TracerProvider

from tests.otel.receiver import Received, plain, receiving

USAGE = {"input": 793, "output": 220, "total": 1150}


def captured() -> tuple[Received, dict[str, Any]]:
    """A request, and the attributes of the generation in it."""
    with receiving() as receiver:
        client = Langfuse(
            public_key="pk-lf-1",
            secret_key="sk-lf-1",
            base_url=receiver.url,
            environment="production",
            # its own: the process's is not to become Langfuse's
            tracer_provider=TracerProvider(),
        )
        with propagate_attributes(user_id="ann", tags=["nightly", "eval"], trace_name="batch main"):
            generation = client.start_observation(
                name="line",
                as_type="generation",
                model="gpt-5-mini",
                input={"messages": []},
                output={"choices": []},
                usage_details=USAGE,
                cost_details={"total": 0.0023125},
                metadata={"account": "main"},
                level="ERROR",
                status_message="server_error",
            )
            generation.end()
        client.flush()
        client.shutdown()
        (request,) = (one for one in receiver.received if one.signal == "traces")
        (span,) = receiver.spans
        return request, plain(span.attributes)


def ids(seed: str) -> tuple[str, str]:
    """The ids that it makes of a seed: a trace's, an observation's."""
    return Langfuse.create_trace_id(seed=seed), Langfuse._create_observation_id(
        Langfuse.__new__(Langfuse), seed=seed
    )
