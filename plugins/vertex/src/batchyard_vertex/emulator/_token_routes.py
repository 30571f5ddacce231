"""Where tokens come from: Google's endpoints for keys, users, workloads and machines."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from batchyard.emulators import Clock, Quirks
from batchyard_vertex.emulator._access import PROJECT_NUMBER
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._key_files import EMAIL, SUBJECT
from batchyard_vertex.emulator._objects import rfc3339
from batchyard_vertex.emulator._tokens import LIFETIME, Tokens

__all__ = ["OPEN_PATHS", "TokenRoutes"]

_METADATA = "/computeMetadata/v1"
OPEN_PATHS = ("/token", "/v1/token", "/subject-token", "/v1/projects/-/", f"{_METADATA}/")
"""Where nobody needs a token yet, or one of another kind."""


class TokenRoutes:
    def __init__(self, tokens: Tokens, clock: Clock, quirks: Quirks, project: str) -> None:
        self._tokens = tokens
        self._clock = clock
        self._quirks = quirks
        self._project = project

    def routes(self) -> list[Route]:
        account = "/v1/projects/-/serviceAccounts/{account}"
        own = f"{_METADATA}/instance/service-accounts/default"
        return [
            Route("/token", self._token, methods=["POST"]),
            Route("/v1/token", self._exchange, methods=["POST"]),
            Route("/subject-token", self._subject, methods=["GET"]),
            Route(account, self._impersonate, methods=["POST"]),
            Route(f"{own}/token", self._own, methods=["GET"]),
            Route(f"{own}/email", self._own_email, methods=["GET"]),
            Route(f"{_METADATA}/project/project-id", self._project_id, methods=["GET"]),
            Route(f"{_METADATA}/project/numeric-project-id", self._number, methods=["GET"]),
        ]

    async def _token(self, request: Request) -> Response:
        return self._shown(self._tokens.issue(await _form(request), self._clock.now()))

    async def _exchange(self, request: Request) -> Response:
        return self._shown(self._tokens.exchange(await _form(request), self._clock.now()))

    async def _subject(self, request: Request) -> Response:
        """The workload's own identity provider, which wants to know who asks."""
        if request.headers.get("x-workload") != "emulator":
            return PlainTextResponse("who is it?", 401)
        return JSONResponse({"value": SUBJECT})

    async def _impersonate(self, request: Request) -> Response:
        account, _, verb = request.path_params["account"].partition(":")
        if verb != "generateAccessToken":
            raise ApiError(404, "Method not found.")
        now = self._clock.now()
        authorization = request.headers.get("authorization", "")
        self._tokens.check(authorization, now, impersonating=True)
        if account != EMAIL:
            message = (
                "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may "
                "not exist)."
            )
            raise ApiError(403, message)
        # the machine's own time: google-auth, which reads it, goes by no other
        until = rfc3339(int(time.time()) + LIFETIME, micro=False)
        return JSONResponse({"accessToken": self._tokens.make(now), "expireTime": until})

    async def _own(self, request: Request) -> Response:
        _check_flavor(request)
        token = self._tokens.make(self._clock.now())
        answer = {"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"}
        return _flavored(self._shown(answer))

    async def _own_email(self, request: Request) -> Response:
        _check_flavor(request)
        return _flavored(PlainTextResponse(EMAIL))

    async def _project_id(self, request: Request) -> Response:
        _check_flavor(request)
        return _flavored(PlainTextResponse(self._project))

    async def _number(self, request: Request) -> Response:
        _check_flavor(request)
        return _flavored(PlainTextResponse(PROJECT_NUMBER))

    def _shown(self, answer: dict[str, Any]) -> Response:
        if "expires-as-text" in self._quirks:
            answer = {**answer, "expires_in": str(answer["expires_in"])}
        return JSONResponse(answer)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(errors="replace")))


def _check_flavor(request: Request) -> None:
    if request.headers.get("metadata-flavor") != "Google":
        raise ApiError(403, "Missing Metadata-Flavor:Google header.")


def _flavored(response: Response) -> Response:
    response.headers["metadata-flavor"] = "Google"
    return response
