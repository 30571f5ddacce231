from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, Field, SecretStr

from batchyard.effects import Request, Stream
from batchyard.hookspecs import hookimpl
from batchyard.models import Batch, BatchRequest, Call, FileObject, FileUpload, Ref
from batchyard.steps import Backoff, download, fetch, json_body


class EverythingSettings(BaseModel):
    key: SecretStr = Field(description="variable EVERYTHING_KEY")
    url: str = Field(description="variable EVERYTHING_URL")


class Everything:
    name: ClassVar[str] = "everything"
    Settings = EverythingSettings

    def __init__(self, settings: EverythingSettings) -> None:
        self._url = settings.url
        self._headers = {"authorization": f"Bearer {settings.key.get_secret_value()}"}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> EverythingSettings | None:
        if "EVERYTHING_KEY" not in environ:
            return None
        return EverythingSettings(
            key=SecretStr(environ["EVERYTHING_KEY"]), url=environ["EVERYTHING_URL"]
        )

    def _request(self, method: str, path: str, body: object = None) -> Request:
        content = b"" if body is None else json_body(body)
        return Request(method, f"{self._url}{path}", self._headers, content)

    @hookimpl
    async def upload_file(self, file: FileUpload) -> FileObject:
        url = f"{self._url}/files/{file.filename}"
        return await fetch(FileObject, Request("PUT", url, self._headers, file.source))

    @hookimpl
    async def file_content(self, call: Call, file: Ref) -> Stream[bytes]:
        async def request() -> Request:
            return self._request("GET", f"/files/{file.id}")

        async for piece in download(request, Backoff(retries=call.max_retries)):
            yield piece

    @hookimpl
    async def create_batch(self, batch: BatchRequest) -> Batch:
        order = {"input": batch.input_file.id, "endpoint": batch.endpoint}
        return await fetch(Batch, self._request("POST", "/batches", order))

    @hookimpl
    async def retrieve_batch(self, batch: Ref) -> Batch:
        return await fetch(Batch, self._request("GET", f"/batches/{batch.id}"))
