"""How the service is spoken to: addresses, the key, pages, uploads."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel

from batchyard.effects import Request, Source
from batchyard.errors import InputError, MalformedReplyError
from batchyard.models import Call, FileUpload, PageRequest
from batchyard.steps import Backoff, fetch, header, json_body, retrying
from batchyard.steps import call as send
from batchyard_gemini._labels import FileLabel
from batchyard_gemini._settings import Settings
from batchyard_gemini._wire import Uploaded, refuse

__all__ = ["Service", "backoff"]

M = TypeVar("M", bound=BaseModel)

OWN_HEADERS = frozenset({"authorization", "content-length", "host", "x-goog-api-key"})

MIME = "application/jsonl"

PAGE = 100
"""Without a page size, some keys are shown no batches at all (python-genai#1250)."""


class Service:
    """The service, for one account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._version = settings.api_version

    def request(
        self,
        call: Call,
        method: str,
        path: str,
        body: bytes | Source = b"",
        headers: dict[str, str] | None = None,
        *,
        keyed: bool = True,
    ) -> Request:
        """*path* below the base URL, or a whole address of the same service."""
        extra = {k.lower(): v for k, v in call.extra_headers.items()}
        given = {k: v for k, v in extra.items() if k not in OWN_HEADERS}
        key = self._settings.api_key.get_secret_value()
        secret = {"x-goog-api-key": key} if keyed else {}
        kind = {"content-type": "application/json"} if isinstance(body, bytes) and body else {}
        url = path if "://" in path else f"{self._settings.base_url}/{path}"
        timeout = call.timeout or self._settings.timeout
        return Request(method, url, {**given, **kind, **(headers or {}), **secret}, body, timeout)

    def path(self, kind: str, name: str, action: str = "") -> str:
        """``files/abc`` or ``abc``, as a part of a path that no name can leave."""
        plain = name.removeprefix(f"{kind}/")
        if plain in {"", ".", ".."}:
            raise InputError(f"{name!r} is not an id", param="id")
        return f"{self._version}/{kind}/{quote(plain, safe='')}{action}"

    def content_path(self, name: str) -> str:
        return f"download/{self.path('files', name, ':download')}?alt=media"

    def create_path(self, model: str) -> str:
        return self.path("models", model, ":batchGenerateContent")

    async def get(self, model: type[M], call: Call, path: str) -> M:
        """For what may be asked twice without harm."""
        request = self.request(call, "GET", path)
        return await retrying(lambda: fetch(model, request, refuse), backoff(call))

    async def do(self, call: Call, method: str, path: str, body: bytes = b"") -> None:
        """For what is done twice without harm, and whose reply says nothing."""
        request = self.request(call, method, path, body)
        await retrying(lambda: send(request, refuse), backoff(call))

    async def page(self, model: type[M], call: Call, kind: str, page: PageRequest) -> M:
        query = {"pageSize": str(min(page.limit or PAGE, PAGE))}
        if page.after:
            query["pageToken"] = page.after
        return await self.get(model, call, f"{self._version}/{kind}?{urlencode(query)}")

    async def upload(self, call: Call, file: FileUpload, source: Source, label: FileLabel) -> Any:
        """Both steps of a resumable upload, once; the second takes the whole file."""
        about = {"file": {"displayName": str(label), "mimeType": MIME, **call.extra_body}}
        begin = {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-length": str(source.length),
            "x-goog-upload-header-content-type": MIME,
        }
        path = f"upload/{self._version}/files"
        reply = await send(self.request(call, "POST", path, json_body(about), begin), refuse)
        finish = {
            "x-goog-upload-command": "upload, finalize",
            "x-goog-upload-offset": "0",
            "content-type": MIME,
        }
        address = self._near(header(reply, "x-goog-upload-url"))
        request = self.request(call, "POST", address, source, finish, keyed=False)
        return (await fetch(Uploaded, request, refuse)).file

    def _near(self, url: str) -> str:
        """The address of an upload at the host that is configured, as Google's client has it.

        A reply must not lead anywhere else.
        """
        base, parts = urlsplit(self._settings.base_url), urlsplit(url)
        if not parts.path.startswith("/"):
            raise MalformedReplyError("the address for the upload is none")
        return urlunsplit((base.scheme, base.netloc, parts.path, parts.query, ""))


def backoff(call: Call) -> Backoff:
    return Backoff(retries=call.max_retries)
