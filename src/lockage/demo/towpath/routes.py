"""The HTTP surface of towpath: health, version, the front page, and an API behind session tokens.

The surprising thing: health does not ask the database, so a replica whose every request hangs on a lock still says OK.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import psycopg
from psycopg_pool import PoolTimeout, TooManyRequests
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from lockage.demo.towpath import log
from lockage.demo.towpath.usage import Traffic, Usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from psycopg.rows import DictRow
    from starlette.requests import Request

    from lockage.demo.towpath.database import Database
    from lockage.demo.towpath.releases import Release

TOKEN_HEADER = "Towpath-Session-Token"  # noqa: S105  # the header's name, not a secret

_KEY_LIFETIME_S = 86_400
"""A new key lives for a day, as Coder's do."""


class _RefusedError(Exception):
    """A request that gets an answer other than what it asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    key_id: str
    user_id: uuid.UUID
    username: str
    scopes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The routes and what they need."""

    release: Release
    replica: str
    database: Database
    usage: Usage

    def application(self) -> Starlette:
        """The application that uvicorn serves."""
        routes = [
            Route("/healthz", _healthz),
            Route("/", self._answer(self._front_page)),
            Route("/api/v2/buildinfo", self._answer(self._build_info)),
            Route("/api/v2/users/me", self._answer(self._me)),
            Route("/api/v2/users/me/keys", self._answer(self._list_keys)),
            Route("/api/v2/users/me/keys", self._answer(self._create_key), methods=["POST"]),
            Route("/api/v2/users/me/keys/{key_id}", self._answer(self._delete_key), methods=["DELETE"]),
            Route("/api/v2/organizations", self._answer(self._organizations)),
            Route("/api/v2/workspaces", self._answer(self._workspaces)),
            Route("/api/v2/workspaces/{workspace_id:uuid}/builds", self._answer(self._create_build), methods=["POST"]),
            Route("/api/v2/workspaces/{workspace_id:uuid}/usage", self._answer(self._report_usage), methods=["POST"]),
        ]
        if self.database.offers("list_notifications"):
            routes.append(Route("/api/v2/notifications", self._answer(self._notifications)))
        return Starlette(routes=routes)

    def _answer(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The handler, with every failure turned into JSON, and the replica's name on the answer."""

        async def answered(request: Request) -> Response:
            try:
                response = await handler(request)
            except _RefusedError as refusal:
                response = _json({"message": str(refusal)}, status=refusal.status)
            except (PoolTimeout, TooManyRequests, psycopg.OperationalError) as failure:
                response = self._failed(request, failure, status=503)
            except psycopg.Error as failure:
                response = self._failed(request, failure, status=500)
            response.headers["Towpath-Replica"] = self.replica
            return response

        return answered

    def _failed(self, request: Request, failure: Exception, *, status: int) -> Response:
        detail = log.one_line(failure)
        log.warn("request failed", method=request.method, path=request.url.path, status=status, error=detail)
        return _json({"message": "Internal error with the database.", "detail": detail}, status=status)

    async def _authenticate(self, request: Request) -> _Caller:
        key_id, _, secret = request.headers.get(TOKEN_HEADER, "").partition("-")
        if not key_id or not secret:
            raise _RefusedError(401, f"Sign in: the header {TOKEN_HEADER} is missing.")
        row = await self.database.fetch_one("authenticate", key_id)
        hashed = hashlib.sha256(secret.encode()).digest()
        if row is None or not hmac.compare_digest(hashed, bytes(row["hashed_secret"])):
            raise _RefusedError(401, "Sign in: the session token is not valid.")
        if row["expires_at"] < datetime.now(tz=UTC):
            raise _RefusedError(401, "Sign in: the session has expired.")
        self.usage.see_key(row["id"])
        return _Caller(key_id=row["id"], user_id=row["user_id"], username=row["username"], scopes=row["scopes"])

    async def _front_page(self, _request: Request) -> Response:
        found = {row["key"]: row["value"] for row in await self.database.fetch_all("read_appearance")}
        announcement = found.get("announcement_banners") or found.get("announcement") or ""
        page = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
        shown = {
            "application_name": found.get("application_name", "towpath"),
            "announcement": announcement,
            "version": self.release.tag,
            "replica": self.replica,
        }
        return HTMLResponse(page.substitute({name: html.escape(value) for name, value in shown.items()}))

    async def _build_info(self, request: Request) -> Response:
        return _json(
            {
                "external_url": f"https://towpath.example/releases/{self.release.tag}",
                "version": self.release.tag,
                "dashboard_url": str(request.base_url).rstrip("/"),
                "telemetry": False,
                "workspace_proxy": False,
                "agent_api_version": "2.0",
                "provisioner_api_version": "1.1",
                "upgrade_message": "",
                "deployment_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, "towpath.example")),
            }
        )

    async def _me(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        user = await self.database.fetch_one("read_user", caller.user_id)
        if user is None:
            raise _RefusedError(404, "The user is gone.")
        return _json({**user, "scopes": caller.scopes})

    async def _list_keys(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        return _json(await self.database.fetch_all("list_keys", caller.user_id))

    async def _create_key(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        key_id, secret = secrets.token_hex(8), secrets.token_hex(16)
        hashed = hashlib.sha256(secret.encode()).digest()
        address = request.client.host if request.client else "0.0.0.0"  # noqa: S104  # "unknown", as the column's default
        await self.database.execute("create_key", key_id, hashed, caller.user_id, f"api-{key_id}", address, _KEY_LIFETIME_S)
        return _json({"key": f"{key_id}-{secret}"}, status=201)

    async def _delete_key(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        await self.database.execute("delete_key", request.path_params["key_id"], caller.user_id)
        return Response(status_code=204)

    async def _organizations(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        return _json(await self.database.fetch_all("list_organizations", caller.user_id))

    async def _workspaces(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        return _json(await self.database.fetch_all("list_workspaces", caller.user_id))

    async def _create_build(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        workspace = request.path_params["workspace_id"]
        try:
            build = await self.database.fetch_one("create_build", workspace, "start", caller.user_id)
        except psycopg.errors.UniqueViolation:
            raise _RefusedError(409, "Another build of this workspace has just begun.") from None
        if build is None:
            raise _RefusedError(404, "There is no such workspace.")
        await self.database.execute("write_audit_log", caller.user_id, "start", "workspace", workspace)
        return _json(build, status=201)

    async def _report_usage(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        size = len(await request.body())
        workspace = str(request.path_params["workspace_id"])
        seen = Traffic(user_id=str(caller.user_id), workspace_id=workspace, rx_bytes=size, tx_bytes=2 * size)
        self.usage.see_traffic(seen)
        return _json({"message": "noted"}, status=202)

    async def _notifications(self, request: Request) -> Response:
        caller = await self._authenticate(request)
        return _json(await self.database.fetch_all("list_notifications", caller.user_id))


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("OK")


def _json(content: DictRow | list[DictRow], *, status: int = 200) -> Response:
    # Times and ids come from the database as objects; their usual text is what the API shows.
    return Response(json.dumps(content, default=str), status_code=status, media_type="application/json")
