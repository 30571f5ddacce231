"""LiteLLM's loggers are called as LiteLLM calls them, and what they lose is told again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from batchyard.config import masked
from batchyard.errors import ConfigError, PluginFailedError
from batchyard.models import (
    Batch,
    BatchError,
    BatchErrors,
    BatchEvent,
    CostItem,
    Event,
    FileEvent,
    FileObject,
    Identity,
    Proof,
    Receipt,
    RequestCounts,
    Totals,
    Usage,
)
from batchyard.registry import Registry, Sink
from batchyard_litellm import Listener, LiteLLMSettings, call_of
from tests.litellm import loggers

USED = Usage(1000, 200, cached_tokens=100, reasoning_tokens=50)
WHO = Identity("mia", "docs", ("nightly",), "key_7")


@pytest.fixture(autouse=True)
def calls() -> Iterator[list[Any]]:
    loggers.CALLS.clear()
    yield loggers.CALLS
    loggers.CALLS.clear()


def receipt(cost: str | None = "0.0012") -> Receipt:
    price = None if cost is None else Decimal(cost)
    items = tuple(
        CostItem(model, "vertex", "vertex-eu", "batch", "standard", 2, USED, cost=price)
        for model in ("gemini-a", "gemini-b")
    )
    proof = Proof(4, {"ok": 3, "error": 1})
    known = price or Decimal("0.0005")
    return Receipt(
        "batch_7", 0, "settlement", 1.0, "priced", items, proof, price, known, identity=WHO
    )


def ended(hook: str = "batch_success", **more: Any) -> BatchEvent:
    values: dict[str, Any] = {
        "hook": hook,
        "at": 1_790_000_100.0,
        "provider": "vertex",
        "account": "vertex-eu",
        "batch": Batch(
            id="batch_7",
            status="completed",
            created_at=1_790_000_000,
            endpoint="/v1/chat/completions",
            metadata={"night": "7"},
            request_counts=RequestCounts(total=4, completed=4),
        ),
        "totals": Totals(USED, 4, Decimal("0.0012")),
        "identity": WHO,
        "receipt": receipt(),
    }
    return BatchEvent(**{**values, **more})


def failed(hook: str = "batch_failed") -> BatchEvent:
    errors = BatchErrors(data=[BatchError(code="invalid_json_line", message="Line 3 is no JSON.")])
    batch = Batch(id="batch_8", status="failed", model="gemini-a", errors=errors)
    return ended(hook, batch=batch, totals=Totals(Usage(), 0, Decimal(0)), receipt=None)


def sink(callback: str, **settings: Any) -> Sink:
    return Registry({}).sink("litellm", {"callback": f"tests.litellm.{callback}", **settings})


def deliver(made: Sink, *events: Event) -> None:
    async def main() -> None:
        for event in events:
            await made.deliver(event)

    asyncio.run(main())


class TestOfTheForms:
    @pytest.mark.parametrize(
        ("callback", "forms"),
        [
            ("loggers.Async", ["async success", "async failure"]),
            ("loggers:Async", ["async success", "async failure"]),
            ("loggers.Sync", ["success", "failure"]),
            ("loggers.instance", ["success", "failure"]),
            ("loggers.function", ["function", "function"]),
            ("loggers.async_function", ["async function", "async function"]),
        ],
    )
    def test_each_is_called_as_it_is_written(
        self, callback: str, forms: list[str], calls: list[Any]
    ) -> None:
        deliver(sink(callback), ended(), failed())
        assert [one[0] for one in calls] == forms

    def test_a_class_is_made_with_its_arguments(self, calls: list[Any]) -> None:
        deliver(sink("loggers.Async", arguments={"prefix": "mine"}), ended())
        assert calls[0][0] == "mine success"

    def test_an_argument_may_be_a_key_and_is_shown_nowhere(self) -> None:
        settings = LiteLLMSettings.model_validate(
            {"callback": "loggers.Async", "arguments": {"prefix": "SECRET", "sizes": [7]}}
        )
        assert "SECRET" not in f"{settings!r} {masked(settings)}"
        assert settings.arguments["sizes"].get_secret_value() == [7]

    def test_an_instance_hears_in_the_programs_own_process(self, calls: list[Any]) -> None:
        for logger in (loggers.Async(), loggers.Sync(), loggers.function):
            asyncio.run(_heard(Listener(logger)))
        assert [one[0] for one in calls] == ["async success", "success", "function"]

    def test_events_that_litellm_has_no_word_for_are_left_out(self, calls: list[Any]) -> None:
        deliver(sink("loggers.Async"), ended("batch_status_changed"), ended("batch_stalled"))
        assert calls == []


async def _heard(listener: Listener) -> None:
    await listener.batch_success(ended())


class TestOfWhatIsTold:
    def test_the_end_of_a_batch_is_its_retrieve_with_cost_and_tokens(
        self, calls: list[Any]
    ) -> None:
        event = ended()
        deliver(sink("loggers.Async"), event)
        _, kwargs, batch, start, end = calls[0]
        payload = kwargs["standard_logging_object"]
        assert (payload["call_type"], kwargs["call_type"]) == ("aretrieve_batch",) * 2
        assert (payload["id"], payload["trace_id"]) == (event.id, "batch_7")
        assert payload["response_cost"] == kwargs["response_cost"] == pytest.approx(0.0012)
        tokens = (payload["prompt_tokens"], payload["completion_tokens"], payload["total_tokens"])
        assert tokens == (1000, 200, 1200)
        hidden = payload["hidden_params"]
        assert hidden["batch_models"] == ["gemini-a", "gemini-b"]
        assert (hidden["batch_successful_requests"], hidden["batch_failed_requests"]) == (3, 1)
        assert (payload["custom_llm_provider"], payload["model"]) == ("vertex_ai", "gemini-a")
        assert payload["metadata"]["user_api_key_team_id"] == "docs"
        assert payload["metadata"]["user_api_key_user_id"] == "mia"
        assert payload["metadata"]["requester_metadata"] == {"night": "7"}
        assert payload["request_tags"] == ["nightly"]
        assert kwargs["litellm_params"]["metadata"]["user_api_key_hash"] == "key_7"
        assert (end - start).total_seconds() == 100
        assert datetime.fromtimestamp(payload["endTime"]) == end  # noqa: DTZ006 - as LiteLLM has it
        # as a key, as an attribute, and with get, as loggers have it
        assert batch["id"] == batch.id == batch.get("id") == "batch_7"
        assert batch.usage["total_tokens"] == 1200
        assert batch._hidden_params["batch_models"] == hidden["batch_models"]

    def test_the_first_act_is_acreate_batch(self, calls: list[Any]) -> None:
        created = ended("batch_created", totals=None, receipt=None)
        file = FileObject(id="file-1", filename="in.jsonl", created_at=1_790_000_000)
        uploaded = FileEvent(hook="file_created", at=1.79e9, provider="p", account="a", file=file)
        deliver(sink("loggers.Async"), uploaded, created)
        payloads = [one[1]["standard_logging_object"] for one in calls]
        assert [one["call_type"] for one in payloads] == ["acreate_file", "acreate_batch"]
        assert payloads[1]["response_cost"] == 0.0
        assert payloads[1]["response_cost_failure_debug_info"] is None

    def test_what_has_no_price_is_said_to_have_none(self, calls: list[Any]) -> None:
        event = ended(totals=Totals(USED, 4, None), receipt=receipt(None))
        deliver(sink("loggers.Async"), event)
        kwargs = calls[0][1]
        payload = kwargs["standard_logging_object"]
        assert kwargs["response_cost"] is None
        # a number there must be: that of what is known, and that it is not all
        assert payload["response_cost"] == pytest.approx(0.0005)
        assert payload["response_cost_failure_debug_info"]["error_str"]

    def test_a_batch_that_came_to_nothing_is_a_failure_with_its_reason(
        self, calls: list[Any]
    ) -> None:
        deliver(sink("loggers.Async"), failed())
        form, kwargs, *_ = calls[0]
        payload = kwargs["standard_logging_object"]
        assert (form, payload["status"]) == ("async failure", "failure")
        assert payload["error_str"] == str(kwargs["exception"]) == "Line 3 is no JSON."
        assert payload["error_information"]["error_code"] == "invalid_json_line"

    @pytest.mark.parametrize("hook", ["batch_expired", "batch_cancelled", "batch_failed"])
    def test_what_was_paid_for_counts_however_the_batch_ended(
        self, hook: str, calls: list[Any]
    ) -> None:
        deliver(sink("loggers.Async"), ended(hook))
        assert calls[0][0] == "async success"
        assert calls[0][1]["response_cost"] == pytest.approx(0.0012)

    def test_it_is_the_same_each_time_and_its_own_each_time(self) -> None:
        event = ended()
        first, second = call_of(event), call_of(event)
        assert first is not None
        assert second is not None
        assert first.kwargs == second.kwargs
        first.kwargs["standard_logging_object"]["metadata"].clear()
        assert second.kwargs["standard_logging_object"]["metadata"]


class TestOfFailures:
    def test_an_error_that_a_logger_swallows_has_the_event_told_again(self) -> None:
        with pytest.raises(PluginFailedError) as caught:
            deliver(sink("loggers.Swallowing"), ended())
        assert "LoggerError: the logger logged an error: ConnectionError" in str(caught.value)
        assert "CANARY" not in str(caught.value)
        deliver(sink("loggers.Swallowing", strict=False), ended())

    def test_what_a_logger_collects_is_sent_before_it_is_acknowledged(self) -> None:
        collecting = loggers.collecting = loggers.Collecting()
        made, events = sink("loggers.collecting"), [ended(), ended()]
        deliver(made, events[0])
        assert collecting.sent == [events[0].id]
        collecting.down = True
        with pytest.raises(PluginFailedError, match="has not sent it"):
            deliver(made, events[1])
        assert collecting.log_queue == [], "it will be told again, and is not to be sent twice"
        collecting.down = False
        deliver(made, events[1])
        assert collecting.sent == [one.id for one in events]

    @pytest.mark.parametrize(
        ("callback", "said"),
        [
            ("tests.litellm.loggers.Nobody", "there is no 'Nobody' in tests.litellm.loggers"),
            ("no.such.module", "No module named 'no'"),
            ("langsmith", "LiteLLM is not here"),
        ],
    )
    def test_one_that_is_not_there_is_named(self, callback: str, said: str) -> None:
        made = Registry({}).sink("litellm", {"callback": callback})
        with pytest.raises(PluginFailedError, match=said) as caught:
            deliver(made, ended())
        assert isinstance(caught.value.__cause__, ConfigError)
