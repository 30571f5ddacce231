"""A small provider that keeps the contract, and others that each break it in one way."""
# ruff: noqa: ARG002, ARG003, ARG005 - hooks are given what they may need

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from batchyard.effects import Open, Plan, Read, Request, Send, Sleep, Source, Stream
from batchyard.errors import BatchyardError
from batchyard.hookspecs import hookimpl
from batchyard.lines import ResultLine
from batchyard.models import (
    Batch,
    BatchRequest,
    Call,
    FileObject,
    FileUpload,
    Finding,
    Limits,
    Ref,
    Usage,
)
from batchyard.steps import Backoff, create_once, download, fetch, json_body, parse, retrying

NO_USAGE = Usage(known=False)


class GoodSettings(BaseModel):
    api_key: SecretStr
    base_url: str = "https://jobs.example"


class JobList(BaseModel):
    data: list[Batch]


class Good:
    name: ClassVar[str] = "good"
    aliases: ClassVar[tuple[str, ...]] = ()
    contract: ClassVar[str | None] = ">=1.0,<2"
    Settings = GoodSettings

    def __init_subclass__(cls) -> None:
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, settings: GoodSettings) -> None:
        self._settings = settings

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Any:
        key = environ.get("GOOD_KEY")
        return GoodSettings(api_key=SecretStr(key)) if key else None

    def request(self, method: str, path: str, body: bytes | Source = b"") -> Request:
        headers = {"authorization": f"Bearer {self._settings.api_key.get_secret_value()}"}
        return Request(method, self._settings.base_url + path, headers, body)

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        return await retrying(
            lambda: fetch(FileObject, self.request("PUT", f"/{file.filename}", file.source)),
            Backoff(),
        )

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        async def request() -> Request:
            return self.request("GET", f"/{quote(file.id, safe='')}")

        async for piece in download(request, Backoff()):
            yield piece

    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        return await create_once(lambda: self.create(batch), lambda _: self.find(batch), Backoff())

    def create(self, batch: BatchRequest) -> Plan[Batch]:
        body = json_body({"input": batch.input_file.id})
        return fetch(Batch, self.request("POST", "/jobs", body))

    async def find(self, batch: BatchRequest) -> Batch | None:
        listed = await fetch(JobList, self.request("GET", f"/jobs?input={batch.input_file.id}"))
        return listed.data[0] if listed.data else None

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        return await fetch(Batch, self.request("GET", f"/jobs/{quote(batch.id, safe='')}"))

    @hookimpl
    async def check_account(self, call: Call) -> list[Finding]:
        try:
            await fetch(JobList, self.request("GET", "/jobs"))
        except BatchyardError as error:
            return [Finding("error", "credentials", error.message, "Check the key.")]
        return [Finding("ok", "credentials", "The key is accepted.")]

    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        return lambda line: NO_USAGE

    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        return Limits(max_lines=10)


class Stranger(Good):
    """Has an alias that is no entry point."""

    aliases = ("nobody",)


class PlainSettings(BaseModel):
    api_key: str
    base_url: str = "https://jobs.example"


class Plain(Good):
    Settings = PlainSettings  # type: ignore[assignment]

    def __init__(self, settings: Any) -> None:
        super().__init__(
            GoodSettings(api_key=SecretStr(settings.api_key), base_url=settings.base_url)
        )


class Trusting(Good):
    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        return await fetch(Batch, self.request("GET", f"/jobs/{batch.id}"))


class Choosy(Good):
    """Sends what it knows, and says nothing of the rest."""

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        lines = [json.loads(line) for line in b"".join(file.source.chunks()).splitlines()]
        for line in lines:
            line.get("body", {}).pop("batchyard_odd_parameter", None)
        body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        return await retrying(
            lambda: fetch(FileObject, self.request("PUT", f"/{file.filename}", body)), Backoff()
        )


class Undated(Good):
    contract = None


class Careless(Good):
    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Any:
        return {"api_key": ""}


class Defaulting(Good):
    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref = Ref("any")) -> Batch:  # noqa: B008 - broken
        return Batch(id=batch.id)


class Eager(Good):
    @hookimpl
    def retrieve_batch(self, call: Call, batch: Ref) -> Batch:  # type: ignore[override]  # broken
        return Batch(id=batch.id)


class Coloured(Good):
    @hookimpl
    async def limits(self, endpoint: str | None, model: str | None) -> Limits:  # type: ignore[override]  # broken
        return Limits()


class Certain(Good):
    """Takes what it does not know for the end."""

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        found = await super().retrieve_batch(call, batch)
        if found.status in {"validating", "in_progress", "completed"}:
            return found
        return found.model_copy(update={"status": "failed"})


class Numbering(Good):
    """Sends lines under names of its own, and forgets whose they are."""

    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        data = b"".join(file.source.chunks())
        body = re.sub(rb'"custom_id": ?"[^"]*"', b'"custom_id":"0"', data)
        return await retrying(
            lambda: fetch(FileObject, self.request("PUT", f"/{file.filename}", body)), Backoff()
        )


class Sparing(Good):
    """Leaves out what has failed."""

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        async def request() -> Request:
            return self.request("GET", f"/{file.id}")

        content = b"".join([piece async for piece in download(request, Backoff())])
        for line in content.splitlines(keepends=True):
            if b'"status_code":429' not in line:
                yield line


class Tidy(Good):
    """Drops what does not end as a line does."""

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        async def request() -> Request:
            return self.request("GET", f"/{file.id}")

        content = b"".join([piece async for piece in download(request, Backoff())])
        for line in content.splitlines(keepends=True):
            if line.endswith(b"\n"):
                yield line


class Brittle(Good):
    """Stops at what it cannot read."""

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        async def request() -> Request:
            return self.request("GET", f"/{file.id}")

        content = b"".join([piece async for piece in download(request, Backoff())])
        for line in content.splitlines(keepends=True):
            try:
                json.loads(line)
            except ValueError:
                return
            yield line


class Crashing(Good):
    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        reply = await Send(self.request("GET", f"/jobs/{batch.id}"))
        return Batch(id=json.loads(reply.body)["id"])


class Optimist(Good):
    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        try:
            return await super().retrieve_batch(call, batch)
        except BatchyardError:
            return Batch(id="unknown")


class Stubborn(Good):
    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        while True:
            try:
                return await super().retrieve_batch(call, batch)
            except BatchyardError:
                await Sleep(1)


class Foreign(Good):
    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        await asyncio.sleep(0)
        return await super().retrieve_batch(call, batch)


class Blind(Good):
    @hookimpl
    async def create_batch(self, call: Call, batch: BatchRequest) -> Batch:
        return await retrying(lambda: self.create(batch), Backoff())


class Forgetful(Good):
    """Looks, and does not see."""

    async def find(self, batch: BatchRequest) -> Batch | None:
        await super().find(batch)
        return None


class Hopeful(Good):
    """Takes a look-up that failed for one that found nothing."""

    async def find(self, batch: BatchRequest) -> Batch | None:
        try:
            return await super().find(batch)
        except BatchyardError:
            return None


class Keyed(Blind):
    """No fault: the service can tell a repetition."""

    def request(self, method: str, path: str, body: bytes | Source = b"") -> Request:
        plain = super().request(method, path, body)
        headers = {**plain.headers, "idempotency-key": "7f3a"} if method == "POST" else {}
        return Request(method, plain.url, {**plain.headers, **headers}, body)


class Unsendable(Good):
    def request(self, method: str, path: str, body: bytes | Source = b"") -> Request:
        plain = super().request(method, path, body)
        return Request(method, plain.url, {**plain.headers, "x-team": "équipe"}, body)


class Vague(Good):
    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        reply = await Send(self.request("GET", f"/jobs/{batch.id}"))
        if reply.status != 200:
            raise BatchyardError("it failed")
        return parse(Batch, reply)


class Cutting(Good):
    """Takes a piece for whole lines."""

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        reply = await Open(self.request("GET", f"/{file.id}"))
        while piece := await Read(reply):
            if piece.endswith(b"\n"):
                yield piece


@dataclass
class Spent:
    """A source that can be read once."""

    left: Iterator[bytes]
    length: int

    def chunks(self) -> Iterator[bytes]:
        return self.left


class OneShot(Good):
    @hookimpl
    async def upload_file(self, call: Call, file: FileUpload) -> FileObject:
        once = Spent(iter(list(file.source.chunks())), file.source.length)
        return await retrying(
            lambda: fetch(FileObject, self.request("PUT", f"/{file.filename}", once)), Backoff()
        )


class Talkative(Good):
    """Repeats what the service says, credentials and all."""

    @hookimpl
    async def retrieve_batch(self, call: Call, batch: Ref) -> Batch:
        reply = await Send(self.request("GET", f"/jobs/{batch.id}"))
        if reply.status != 200:
            raise BatchyardError(reply.body.decode(errors="replace"), status=reply.status)
        return parse(Batch, reply)


class Logging(Good):
    def request(self, method: str, path: str, body: bytes | Source = b"") -> Request:
        request = super().request(method, path, body)
        logging.getLogger("example").debug("sending %s", dict(request.headers))
        return request


class InThePath(Good):
    def request(self, method: str, path: str, body: bytes | Source = b"") -> Request:
        return super().request(method, f"/{self._settings.api_key.get_secret_value()}{path}", body)


class Showing(Good):
    def __repr__(self) -> str:
        return f"Showing({self._settings.api_key.get_secret_value()!r})"


class Fragile(Good):
    @hookimpl
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:
        return lambda line: Usage(input_tokens=line.body["usage"]["input_tokens"])


class Closed(Good):
    @hookimpl
    def limits(self, endpoint: str | None, model: str | None) -> Limits:
        return Limits(max_lines=0)
