"""The supervisor's routes, over HTTP on its Unix socket.

Not for users, and for no network: the socket's folder is private. The surprising thing: handlers change the document
synchronously, between two turns of the event loop, so no two requests ever mix.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lockage.adapters.local import changes
from lockage.adapters.local.layout import Layout
from lockage.adapters.local.reconciler import Reconciler
from lockage.adapters.local.records import (
    AnnotateRequest,
    Health,
    LeaseAnswer,
    LeaseRequest,
    Problem,
    Refusal,
    RolloutRequest,
    ScaleRequest,
    seen_replica,
    workload_of,
)
from lockage.adapters.local.replica_life import now
from lockage.errors import LockageError, UsageError

Handler = Callable[[Request], Awaitable[Response]]
Asked = TypeVar("Asked")


def _answer(record: object, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(record), status_code=status, media_type="application/json")


async def _asked(request: Request, kind: type[Asked]) -> Asked:
    return msgspec.json.decode(await request.body(), type=kind)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, LockageError)
    refusal = Refusal.USAGE if isinstance(error, UsageError) else Refusal.REFUSED
    problem = Problem(refusal=refusal, message=error.message, code=error.code, hint=error.hint)
    return _answer(problem, status=409)


def _looks(reconciler: Reconciler, layout: Layout) -> list[Route]:
    state = reconciler.state

    async def health(_request: Request) -> Response:
        return _answer(Health(pid=os.getpid(), state_dir=str(layout.state_dir)))

    async def workload(_request: Request) -> Response:
        limits = reconciler.limits()
        return _answer(workload_of(state, max_surge=limits.max_surge, max_unavailable=limits.max_unavailable))

    async def replicas(_request: Request) -> Response:
        return _answer([seen_replica(state, replica) for replica in state.replicas])

    async def events(_request: Request) -> Response:
        return _answer(state.events)

    async def lease(_request: Request) -> Response:
        return _answer(LeaseAnswer(lease=changes.current_lease(state, now=now())))

    looks: tuple[tuple[str, Handler], ...] = (
        ("/health", health),
        ("/workload", workload),
        ("/replicas", replicas),
        ("/events", events),
        ("/lease", lease),
    )
    return [Route(path, handler, methods=["GET"]) for path, handler in looks]


def _acts(reconciler: Reconciler) -> list[Route]:
    state = reconciler.state

    def done(changed: bool) -> Response:
        if changed:
            reconciler.asked()
        return Response(status_code=204)

    async def scale(request: Request) -> Response:
        return done(changes.scale(state, (await _asked(request, ScaleRequest)).replicas))

    async def roll_out(request: Request) -> Response:
        return done(changes.roll_out(state, await _asked(request, RolloutRequest)))

    async def annotate(request: Request) -> Response:
        return done(changes.annotate(state, await _asked(request, AnnotateRequest)))

    async def hold_lease(request: Request) -> Response:
        changes.hold_lease(state, await _asked(request, LeaseRequest), now=now())
        return done(True)

    async def drop_lease(request: Request) -> Response:
        changes.drop_lease(state, await _asked(request, LeaseRequest))
        return done(True)

    return [
        Route("/scale", scale, methods=["POST"]),
        Route("/roll-out", roll_out, methods=["POST"]),
        Route("/annotate", annotate, methods=["POST"]),
        Route("/lease", hold_lease, methods=["PUT"]),
        Route("/lease", drop_lease, methods=["DELETE"]),
    ]


def make_api(reconciler: Reconciler, layout: Layout) -> Starlette:
    """The application that the supervisor serves."""
    return Starlette(
        routes=_looks(reconciler, layout) + _acts(reconciler),
        exception_handlers={LockageError: _refused},
    )
