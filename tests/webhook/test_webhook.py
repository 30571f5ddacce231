"""Webhooks: signed, in the forms that receivers know, to those that may be sent to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.core.formats.json import JSONFormat
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from batchyard.config import resolve_sinks
from batchyard.errors import PluginFailedError
from batchyard.events import from_json, to_json
from batchyard.models import Batch, BatchError, BatchErrors
from batchyard.registry import Registry
from batchyard_webhook import Webhook, WebhookError, WebhookSettings
from tests.sinks.receivers import Post, Receiver
from tests.webhook.parts import LOCAL, SECRET, deliver, happened, sink

USER = "me:SECRET"
OLD = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def verified(post: Post, secret: str) -> Any:
    return Verifier(secret).verify(post.body, dict(post.headers))


class TestOfSignatures:
    def test_standardwebhooks_verifies_what_is_sent(self, receiver: Receiver) -> None:
        event = happened()
        deliver(sink(receiver, secret=SECRET), event)
        [post] = receiver.posts
        found = verified(post, SECRET)
        assert found["type"] == "batch_success"
        assert found["timestamp"] == "2026-09-21T14:13:20.500000Z"
        assert from_json(found["data"]) == event
        assert post.headers["webhook-id"] == event.id
        assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 60

    def test_while_a_secret_is_exchanged_either_verifies_and_no_other(
        self, receiver: Receiver
    ) -> None:
        deliver(sink(receiver, secret=SECRET, old_secret=OLD), happened())
        [post] = receiver.posts
        assert verified(post, SECRET) == verified(post, OLD)
        with pytest.raises(WebhookVerificationError):
            verified(post, "whsec_" + "A" * 32)

    def test_what_was_changed_on_its_way_does_not_verify(self, receiver: Receiver) -> None:
        deliver(sink(receiver, secret=SECRET), happened())
        [post] = receiver.posts
        with pytest.raises(WebhookVerificationError):
            verified(Post(post.path, post.headers, post.body + b" "), SECRET)

    def test_a_retry_has_the_same_id(self, receiver: Receiver) -> None:
        webhook, event = sink(receiver, secret=SECRET), happened()
        deliver(webhook, event, event)
        assert len({one.headers["webhook-id"] for one in receiver.posts}) == 1

    def test_a_header_that_is_configured_stands_in_the_place_of_ours(
        self, receiver: Receiver
    ) -> None:
        deliver(sink(receiver, headers={"User-Agent": "mine"}), happened())
        assert receiver.posts[0].headers["user-agent"] == "mine"

    def test_without_a_secret_there_is_no_signature(self, receiver: Receiver) -> None:
        deliver(sink(receiver), happened())
        assert "webhook-signature" not in receiver.posts[0].headers


class TestOfForms:
    def test_cloudevents_reads_what_is_sent(self, receiver: Receiver) -> None:
        event = happened()
        deliver(sink(receiver, format="cloudevents", secret=SECRET), event)
        [post] = receiver.posts
        found = from_http_event(HTTPMessage(dict(post.headers), post.body), JSONFormat())
        assert (found.get_id(), found.get_type()) == (event.id, "batchyard.batch_success")
        assert (found.get_source(), found.get_subject()) == ("/batchyard/azure%2Feu", "batch_7")
        assert found.get_specversion() == "1.0"
        data = found.get_data()
        assert isinstance(data, dict)
        assert from_json(data) == event
        verified(post, SECRET)

    def test_plain_is_the_event_alone(self, receiver: Receiver) -> None:
        event = happened()
        deliver(sink(receiver, format="plain"), event)
        assert json.loads(receiver.posts[0].body) == to_json(event)

    def test_slack_is_told_in_words_and_nothing_in_them_is_a_link_or_a_mention(
        self, receiver: Receiver
    ) -> None:
        errors = BatchErrors(data=[BatchError(message="<!channel> <https://evil|here> & more")])
        failed = happened("batch_failed", batch=Batch(id="batch_7", status="failed", errors=errors))
        deliver(sink(receiver, format="slack"), happened(), failed)
        first, second = (json.loads(one.body) for one in receiver.posts)
        assert first["text"] == "✅ azure/eu: batch is done"
        assert "*Cost*: 0.00120 USD" in first["blocks"][1]["text"]["text"]
        assert "*Lines*: 3 of 3 answered" in first["blocks"][1]["text"]["text"]
        said = second["blocks"][1]["text"]["text"]
        assert "&lt;!channel&gt; &lt;https://evil|here&gt; &amp; more" in said
        assert "<" not in said
        # nor is it made one by Slack: "@here", or a bare address
        assert all(one["text"]["verbatim"] is True for one in second["blocks"])

    def test_teams_gets_an_adaptive_card(self, receiver: Receiver) -> None:
        stalled = happened("batch_stalled", totals=None, reason="[a](https://evil) link")
        deliver(sink(receiver, format="teams"), stalled)
        message = json.loads(receiver.posts[0].body)
        [attachment] = message["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        card = attachment["content"]
        assert (card["type"], card["body"][0]["type"]) == ("AdaptiveCard", "TextBlock")
        facts = {one["title"]: one["value"] for one in card["body"][1]["facts"]}
        assert facts["Batch"] == r"batch\_7"
        assert facts["Reason"] == r"\[a\]\(https://evil\) link"

    def test_people_are_told_of_ends_unless_more_is_named(self, receiver: Receiver) -> None:
        steps = [happened("batch_created"), happened("batch_status_changed"), happened()]
        deliver(sink(receiver, format="slack"), *steps)
        assert len(receiver.posts) == 1
        deliver(sink(receiver, format="slack", events=("batch_created",)), *steps)
        assert len(receiver.posts) == 2

    def test_events_of_the_sinks_table_are_what_people_are_told_of(
        self, receiver: Receiver, tmp_path: Path
    ) -> None:
        (tmp_path / "batchyard.toml").write_text(
            f'[sinks.team]\nsink = "webhook"\nurl = "{receiver.url}"\nformat = "slack"\n'
            'events = ["batch_created"]\nallow = ["127.0.0.0/8"]\nallow_http = true\n'
        )
        [found] = resolve_sinks(Registry({}), tmp_path / "batchyard.toml")
        assert found.events == ("batch_created",)
        deliver(Webhook(found.settings), happened("batch_created"), happened())
        [post] = receiver.posts
        assert json.loads(post.body)["text"] == "azure/eu: batch was created"

    def test_a_sample_goes_to_everybody_whatever_they_want(self, receiver: Receiver) -> None:
        receivers = [{"url": receiver.url, "events": ("batch_failed",), "format": "teams"}]
        deliver(sink(endpoints=receivers), happened(id="evt_sample_1"), happened())
        assert [one.headers["webhook-id"] for one in receiver.posts] == ["evt_sample_1"]


class TestOfFailures:
    @pytest.mark.parametrize("status", [301, 400, 410, 429, 500])
    def test_anything_but_a_2xx_is_a_failure(self, receiver: Receiver, status: int) -> None:
        receiver.status, receiver.answer_headers = status, {"location": "http://127.0.0.1:1/"}
        with pytest.raises(WebhookError, match=f"^127.0.0.1 answered with status {status}$"):
            deliver(sink(receiver), happened())
        assert receiver.attempts == 1

    def test_one_that_hangs_is_a_failure_in_time(self, receiver: Receiver) -> None:
        receiver.set("hanging")
        with pytest.raises(WebhookError, match=r"127\.0\.0\.1 has not answered in 0\.1 s"):
            deliver(sink(receiver, timeout=0.1), happened())

    def test_no_address_no_secret_and_no_header_is_in_an_error(self, receiver: Receiver) -> None:
        receiver.set("down")
        url = f"http://127.0.0.1:{receiver.port}/T0/SECRET-path?token=SECRET"
        webhook = sink(url=url, secret=SECRET, headers={"authorization": "Bearer SECRET"})
        with pytest.raises(WebhookError) as caught:
            deliver(webhook, happened())
        assert str(caught.value) == "127.0.0.1 cannot be reached: ConnectError"
        settings: dict[str, Any] = {**LOCAL, "url": url, "headers": {"x": "SECRET"}}
        shown = repr(WebhookSettings(**settings))
        assert "SECRET" not in shown

    def test_one_that_keeps_failing_is_left_alone_and_tried_again_once(
        self, receiver: Receiver
    ) -> None:
        now = [1000.0]
        webhook = sink(receiver, failures=3, pause=30)
        webhook.now = lambda: now[0]
        receiver.set("rejecting")

        def fails() -> str:
            with pytest.raises(WebhookError) as caught:
                deliver(webhook, happened())
            return str(caught.value)

        for _ in range(3):
            assert "answered with status 503" in fails()
        assert fails() == "127.0.0.1 is left alone for 30 s, as it kept failing"
        assert receiver.attempts == 3
        now[0] += 31
        assert "answered with status 503" in fails()
        assert "left alone for 60 s" in fails()
        assert receiver.attempts == 4
        now[0] += 61
        receiver.set("well")
        deliver(webhook, happened(), happened())
        assert len(receiver.posts) == 2

    def test_one_that_asks_for_time_gets_it(self, receiver: Receiver) -> None:
        now = [1000.0]
        webhook = sink(receiver)
        webhook.now = lambda: now[0]
        receiver.status, receiver.answer_headers = 429, {"retry-after": "120"}
        for said in ("answered with status 429", "left alone for 120 s"):
            with pytest.raises(WebhookError, match=said):
                deliver(webhook, happened())
        receiver.status = 204
        now[0] += 121
        deliver(webhook, happened())


class TestOfSeveralEndpoints:
    def test_each_gets_what_it_wants_in_its_form(self, receiver: Receiver) -> None:
        with Receiver() as second:
            webhook = sink(
                endpoints=(
                    {"url": receiver.url, "secret": SECRET},
                    {"url": second.url, "format": "plain", "events": ("batch_created",)},
                )
            )
            deliver(webhook, happened("batch_created"), happened())
            assert len(receiver.posts) == 2
            assert [json.loads(one.body)["type"] for one in second.posts] == ["acreate_batch"]

    def test_those_that_name_no_events_get_what_the_sink_gets(self, receiver: Receiver) -> None:
        with Receiver() as second:
            endpoints = (
                {"url": receiver.url, "format": "slack"},
                {"url": second.url, "events": ("batch_success",)},
            )
            webhook = sink(endpoints=endpoints, events=("batch_created", "batch_success"))
            deliver(webhook, happened("batch_created"), happened())
            assert (len(receiver.posts), len(second.posts)) == (2, 1)

    def test_after_a_failure_only_those_that_lack_it_get_it(self, receiver: Receiver) -> None:
        with Receiver() as second:
            webhook = sink(endpoints=({"url": receiver.url}, {"url": second.url}))
            second.set("rejecting")
            event = happened()
            with pytest.raises(WebhookError, match="status 503"):
                deliver(webhook, event)
            second.set("well")
            deliver(webhook, event)
            assert (len(receiver.posts), len(second.posts)) == (1, 1)
            # what is replayed later goes to both again
            deliver(webhook, event)
            assert (len(receiver.posts), len(second.posts)) == (2, 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "either url or endpoints is needed"),
        ({"url": "ftp://x"}, "it must be https://"),
        ({"url": f"https://{USER}@example.com"}, "belong into a header"),
        ({"url": "http://example.com/SECRET"}, "example.com: http:// needs allow_http"),
        ({"url": "https://x.example", "secret": "whsec_SECRET!"}, "whsec_ and base64"),
        ({"url": "https://x.example", "secret": "whsec_U0VDUkVU"}, "24 to 64 bytes"),
        ({"url": "https://x.example", "headers": {"host": "y"}}, "'host' cannot be set"),
        ({"url": "https://x.example", "headers": {"Webhook-Id": "y"}}, "'Webhook-Id' cannot be"),
        ({"url": "https://x.example", "headers": {"x": "a\r\nb: c"}}, "x has letters"),
        ({"url": "https://x.example", "events": ("batch_sucess",)}, "no event 'batch_sucess'"),
        ({"endpoints": ({"url": "https://x.example"},), "format": "plain"}, "format belong to"),
    ],
)
def test_a_mistake_is_told_without_what_may_be_secret(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebhookSettings(**settings)
    messages = [one["msg"] for one in caught.value.errors()]
    assert said in messages[0]
    assert "SECRET" not in str(messages)


def test_it_is_installed_as_a_sink_and_its_failure_is_the_sinks(receiver: Receiver) -> None:
    receiver.set("rejecting")
    made = Registry({}).sink("webhook", {**LOCAL, "url": receiver.url})
    with pytest.raises(PluginFailedError, match=r"sink webhook.*: WebhookError: 127\.0\.0\.1 ans"):
        asyncio.run(made.deliver(happened()))
