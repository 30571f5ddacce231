"""Buckets, and who may use them (JSON API of Cloud Storage)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batchyard_vertex.emulator._access import Access
from batchyard_vertex.emulator._errors import ApiError
from batchyard_vertex.emulator._key_files import EMAIL
from batchyard_vertex.emulator._objects import Objects
from batchyard_vertex.emulator._uploads import description

__all__ = ["BucketRoutes"]


class BucketRoutes:
    def __init__(self, objects: Objects, access: Access) -> None:
        self._objects = objects
        self._access = access

    def routes(self) -> list[Route]:
        one = "/storage/v1/b/{bucket}"
        return [
            Route("/storage/v1/b", self._create, methods=["POST"]),
            Route("/storage/v1/b", self._list, methods=["GET"]),
            Route(one, self._get, methods=["GET"]),
            Route(f"{one}/iam", self._policy, methods=["GET"]),
            Route(f"{one}/iam/testPermissions", self._test, methods=["GET"]),
        ]

    async def _create(self, request: Request) -> Response:
        about = description(await request.body())
        name = about.get("name")
        if not isinstance(name, str) or not name:
            raise ApiError(400, "Required parameter: name", reason="required")
        self._check(request, "storage.buckets.create")
        self._objects.add_bucket(name, str(about.get("location") or "US"))
        return JSONResponse(self._objects.bucket(name))

    async def _list(self, request: Request) -> Response:
        self._check(request, "storage.buckets.list")
        items = [self._objects.bucket(name) for name in self._objects.bucket_names()]
        return JSONResponse({"kind": "storage#buckets", **({"items": items} if items else {})})

    async def _get(self, request: Request) -> Response:
        found = self._objects.bucket(request.path_params["bucket"])
        self._check(request, "storage.buckets.get")
        return JSONResponse(found)

    async def _policy(self, request: Request) -> Response:
        bucket = request.path_params["bucket"]
        self._objects.bucket(bucket)
        self._check(request, "storage.buckets.getIamPolicy")
        return JSONResponse(
            {
                "kind": "storage#policy",
                "resourceId": f"projects/_/buckets/{bucket}",
                "version": 1,
                "etag": "CAE=",
                "bindings": self._access.policy(),
            }
        )

    async def _test(self, request: Request) -> Response:
        self._objects.bucket(request.path_params["bucket"])
        held = self._access.held(request.query_params.getlist("permissions"))
        kind = {"kind": "storage#testIamPermissionsResponse"}
        return JSONResponse({**kind, **({"permissions": held} if held else {})})

    def _check(self, request: Request, permission: str) -> None:
        self._access.check_storage(permission, "bucket", EMAIL)
