from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Unpack

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from batchyard.emulators._emulator import Emulator, EmulatorOptions
from batchyard.emulators._quirks import Quirk
from batchyard.emulators.openai_wire._batch_routes import BatchRoutes
from batchyard.emulators.openai_wire._board import Board, BoardOptions
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._errors import ApiError
from batchyard.emulators.openai_wire._file_routes import FileRoutes
from batchyard.emulators.openai_wire._files import FileShelf
from batchyard.emulators.openai_wire._quirks import KNOWN_QUIRKS
from batchyard.emulators.openai_wire._replies import Replies


class OpenAIWireEmulator(Emulator):
    """The files and batches API of OpenAI, or of a service that speaks its protocol.

    A subclass names the service and gives its `dialect`. `keys` are the accepted credentials (by
    default, all that look like one); `enqueued_token_limits` are tokens by model name;
    `finished_before_expiry` makes every batch expire with that many rows executed.
    """

    known_quirks: ClassVar[tuple[Quirk, ...]] = KNOWN_QUIRKS
    dialect: ClassVar[type[Dialect]] = Dialect

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        enqueued_token_limits: Mapping[str, int] | None = None,
        finished_before_expiry: int | None = None,
        **options: Unpack[EmulatorOptions],
    ) -> None:
        super().__init__(**options)
        self.keys = tuple(keys)
        self._dialect = self.make_dialect()
        self._shelf = self.make_shelf(self._dialect)
        self._board = Board(
            self._shelf,
            self._dialect,
            BoardOptions(
                time_scale=self.time_scale,
                seed=self.seed,
                quirks=self.quirks,
                finished_before_expiry=finished_before_expiry,
                enqueued_token_limits=dict(enqueued_token_limits or {}),
            ),
        )

    def make_dialect(self) -> Dialect:
        """The dialect of this emulator; `keys` and `quirks` are known when it is called."""
        return self.dialect(frozenset(self.keys))

    def make_shelf(self, dialect: Dialect) -> FileShelf:
        """Where this emulator's files are."""
        return FileShelf(self.store, dialect, self.time_scale)

    def more_routes(self) -> Sequence[BaseRoute]:
        """What the service answers besides."""
        return ()

    def error_document(self, status: int, message: str) -> object:
        kinds = {401: "invalid_request_error", 429: "rate_limit_error"}
        codes = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
        kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
        error = ApiError(message, status=status, kind=kind, code=codes.get(status))
        return self._dialect.error_document(error)

    def service(self) -> ASGIApp:
        files = FileRoutes(self._shelf, self._board, self._dialect, self.clock, self.quirks)
        batches = BatchRoutes(self._shelf, self._board, self._dialect, self.clock)
        routes: list[BaseRoute] = list(self.more_routes())
        for base in self._dialect.bases:
            routes += [*files.routes(base), *batches.routes(base)]
        app = Starlette(routes=routes, exception_handlers={HTTPException: self._no_route})
        app.router.redirect_slashes = False
        return app

    async def _no_route(self, request: Request, _error: Exception) -> Response:
        """Unknown paths, and methods that a path does not take."""
        error = ApiError(
            f"Invalid URL ({request.method} {request.url.path})", status=404, code="unknown_url"
        )
        return Replies(self._dialect).error(request, error)
