"""What of Google's Resource Manager an account's check asks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from batchyard_vertex.emulator._access import PROJECT_NUMBER, Access
from batchyard_vertex.emulator._errors import ApiError

__all__ = ["ProjectRoutes"]


class ProjectRoutes:
    def __init__(self, access: Access, projects: tuple[str, ...]) -> None:
        self._access = access
        self._projects = projects

    def routes(self) -> list[Route]:
        one = "/v3/projects/{project}"
        return [
            Route(one, self._get, methods=["GET"]),
            Route(one, self._act, methods=["POST"]),
        ]

    async def _get(self, request: Request) -> Response:
        self._access.check_project("resourcemanager.projects.get")
        project = self._known(request.path_params["project"])
        return JSONResponse(
            {"name": f"projects/{PROJECT_NUMBER}", "projectId": project, "state": "ACTIVE"}
        )

    async def _act(self, request: Request) -> Response:
        project, colon, verb = request.path_params["project"].partition(":")
        if not colon or verb != "testIamPermissions":
            raise ApiError(404, "Method not found.")
        self._known(project)
        wanted = (await request.json()).get("permissions") or []
        held = self._access.held(wanted)
        return JSONResponse({"permissions": held} if held else {})

    def _known(self, project: str) -> str:
        if project not in {*self._projects, PROJECT_NUMBER}:
            # the service does not tell those that are not there from those that are others'
            raise ApiError(403, "The caller does not have permission")
        return project
