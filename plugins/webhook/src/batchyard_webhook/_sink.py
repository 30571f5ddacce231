"""The sink."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import httpcore
import httpx

from batchyard.hookspecs import hookimpl
from batchyard.models import Event
from batchyard_webhook import _signing
from batchyard_webhook._breaker import Breaker
from batchyard_webhook._chat import ENDS, slack, teams
from batchyard_webhook._guard import BlockedAddressError, Guarded
from batchyard_webhook._payloads import cloud_event, encoded, plain, standard
from batchyard_webhook._settings import Endpoint, Format, WebhookSettings

__all__ = ["Webhook", "WebhookError"]

FORMS: Mapping[Format, tuple[Callable[[Event], dict[str, Any]], str]] = {
    "standard": (standard, "application/json"),
    "plain": (plain, "application/json"),
    "cloudevents": (cloud_event, "application/cloudevents+json; charset=UTF-8"),
    "slack": (slack, "application/json"),
    "teams": (teams, "application/json"),
}

REFUSALS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    ssl.SSLError,
    OSError,
)
"""What is raised where a receiver cannot be reached, or does not speak HTTP."""

SAMPLE = "evt_sample_"
"""How the ids of events begin that ``batchyard sinks test`` delivers."""

REMEMBERED = 10_000
"""Events of which it is known which endpoints have them."""


class WebhookError(Exception):
    """An endpoint has not taken it.  ``retry_after`` is what it asked for, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Receiver:
    """An endpoint, and how it does."""

    endpoint: Endpoint
    breaker: Breaker
    # the events that it has, while another endpoint of the sink does not have them
    has: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def wants(self, event: Event) -> bool:
        chat = self.endpoint.format in {"slack", "teams"}
        wanted = self.endpoint.events or (ENDS if chat else ())
        told = not wanted or event.hook in wanted or event.id.startswith(SAMPLE)
        return told and event.id not in self.has

    def took(self, event_id: str) -> None:
        self.has[event_id] = None
        while len(self.has) > REMEMBERED:
            self.has.popitem(last=False)


class Webhook:
    """Posts each event, and returns when every endpoint has answered with a 2xx.

    A redelivered event has the same ``webhook-id``, and goes to those endpoints
    only that have not taken it yet, as far as this process remembers.  Redirects
    are failures: an endpoint is where it is configured to be.
    """

    contract: ClassVar[str] = ">=1.1,<2"
    Settings = WebhookSettings

    def __init__(self, settings: WebhookSettings) -> None:
        self._timeout = settings.timeout
        self._guard = Guarded(settings.allow)
        self._ssl: ssl.SSLContext | None = None
        self.now: Callable[[], float] = time.time
        self._receivers = [
            Receiver(one, Breaker(settings.failures, settings.pause, self._seconds))
            for one in settings.all_endpoints
        ]

    def _seconds(self) -> float:
        return self.now()

    @hookimpl
    async def deliver(self, event: Event) -> None:
        wanted = [one for one in self._receivers if one.wants(event)]
        results = await asyncio.gather(
            *(self._deliver(one, event) for one in wanted), return_exceptions=True
        )
        failures = [one for one in results if isinstance(one, BaseException)]
        for one in failures:
            if not isinstance(one, WebhookError):
                raise one
        if failures:
            raise WebhookError("; ".join(map(str, failures)))
        for receiver in self._receivers:
            receiver.has.pop(event.id, None)

    async def _deliver(self, receiver: Receiver, event: Event) -> None:
        host, breaker = receiver.endpoint.host, receiver.breaker
        if not breaker.admits():
            raise WebhookError(f"{host} is left alone for {breaker.left:.0f} s, as it kept failing")
        try:
            async with asyncio.timeout(self._timeout):
                await self._post(receiver.endpoint, event)
        except WebhookError as error:
            breaker.failed(error.retry_after)
            raise
        except TimeoutError:
            breaker.failed()
            raise WebhookError(f"{host} has not answered in {self._timeout:g} s") from None
        except BlockedAddressError as error:
            breaker.given_up()
            raise WebhookError(str(error)) from error
        except REFUSALS as error:
            breaker.failed()
            raise WebhookError(f"{host} cannot be reached: {type(error).__name__}") from error
        except BaseException:
            breaker.given_up()
            raise
        breaker.well()
        receiver.took(event.id)

    async def _post(self, endpoint: Endpoint, event: Event) -> None:
        form, content_type = FORMS[endpoint.format]
        body = encoded(form(event))
        headers = {
            "content-type": content_type,
            "user-agent": "batchyard-webhook",
            **_signing.headers(endpoint.keys, event.id, int(self.now()), body),
            **{name.lower(): one.get_secret_value() for name, one in endpoint.headers.items()},
        }
        if self._ssl is None and endpoint.secure:
            self._ssl = await asyncio.to_thread(httpx.create_ssl_context)
        # which has no letters beyond ASCII any more
        url = str(httpx.URL(endpoint.url.get_secret_value()))
        # one connection for one event: none is left open, on whatever loop this runs
        async with httpcore.AsyncConnectionPool(
            ssl_context=self._ssl, network_backend=self._guard
        ) as pool:
            request = pool.stream("POST", url, headers=list(headers.items()), content=body)
            async with request as response:
                _check(endpoint.host, response)


def _check(host: str, response: httpcore.Response) -> None:
    """Raise unless it was taken.  The answer's body is not read: it says nothing for us."""
    if 200 <= response.status < 300:
        return
    said = {bytes(name).lower(): value for name, value in response.headers}
    raise WebhookError(
        f"{host} answered with status {response.status}", _seconds(said.get(b"retry-after"))
    )


def _seconds(text: bytes | None) -> float | None:
    return float(text) if text is not None and text.isdigit() and len(text) < 6 else None
