"""The life of one replica: its process is started, probed, restarted with back-off, and at last ended.

Not for deciding how many there are. The surprising thing: one task lives the whole life, so whatever asks for the end
(a failed liveness probe, a rollout, a scale-down) only sets an event, and the task does the rest in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lockage.adapters.local.free_ports import choose_port, is_free
from lockage.adapters.local.layout import MARKER, MEMBER, Layout
from lockage.adapters.local.probing import answers
from lockage.adapters.local.processes import Running
from lockage.adapters.local.records import DeploymentSpec, ReplicaState, Revision, filled_in
from lockage.adapters.local.rolling import next_back_off
from lockage.core.facts import Exit, Probe, ReplicaPhase

PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
"""What a replica gets of our own environment; the rest is the deployment's, as in a container. Otherwise a restart would
depend on who typed the command that started the supervisor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a life tells the outside."""

    changed: Callable[[], None]  # something to be kept on disk and looked at
    event: Callable[[str, str, str, str], None]  # kind, reason, subject, text
    withdraw: Callable[[], Awaitable[None]]  # returns when the front no longer uses a replica that is not ready
    taken_ports: Callable[[], set[int]]


def now() -> datetime:
    """Aware UTC wall time."""
    return datetime.now(UTC)


class ReplicaLife:
    """One replica, from its making to its end."""

    def __init__(self, *, layout: Layout, spec: DeploymentSpec, state: ReplicaState, revision: Revision, hooks: Hooks) -> None:
        self.state = state
        self._layout = layout
        self._spec = spec
        self._revision = revision
        self._hooks = hooks
        self._stop = asyncio.Event()
        if state.phase is ReplicaPhase.TERMINATING:
            self._stop.set()

    def terminate(self) -> None:
        """Begin the end: no longer ready, then SIGTERM, grace, SIGKILL. Nothing when it has begun."""
        if self._stop.is_set():
            return
        self.state.phase = ReplicaPhase.TERMINATING
        self.state.ready = False
        self._stop.set()
        if self.state.pid is not None:
            self._event("Normal", "Killing", f"Stopping container {self._spec.image}")
        self._hooks.changed()

    async def live(self, running: Running | None) -> None:
        """Live; ``running``: its process, when it has one already. Returns when it is over for good."""
        if running is None and self.state.pid is not None:
            self._note_exit(None, known=False)
        if not self._stop.is_set():
            self.state.terminated_at = None  # a kill that a predecessor had begun: the probe decides again
        while True:
            if running is None:
                await self._wait_for_restart()
                if self._stop.is_set():
                    return
                running = self._start()
            if running is not None:
                code = await self._attend(running)
                self._note_exit(code, known=code is not None)
                running = None
            if self._stop.is_set():
                return

    # --- starting -----------------------------------------------------------------------------------------------------

    def _start(self) -> Running | None:
        state = self.state
        if not is_free(state.host, state.port):  # a stranger took it while we were down
            state.port = choose_port(state.host, taken=self._hooks.taken_ports())
        run = state.runs
        state.runs += 1
        state.restarts = run
        state.phase = ReplicaPhase.PENDING
        state.ready_at = state.unready_at = None
        self._hooks.changed()  # before the process: a successor must know where to look for it
        if run >= 2:
            self._layout.log_file(state.name, run - 2).unlink(missing_ok=True)
        try:
            running = Running.start(
                self._filled_in(self._spec.command),
                environment=self._environment(run),
                log_file=self._layout.log_file(state.name, run),
                folder=self._layout.state_dir,
            )
        except OSError as error:
            self._event("Warning", "Failed", f"Error: failed to start container {self._spec.image}: {error}")
            self._note_exit(128, known=True)
            return None
        state.pid, state.process_created_at = running.pid, running.created_at
        state.started_at = now()
        state.phase = ReplicaPhase.RUNNING
        self._event("Normal", "Started", f"Started container {self._spec.image}")
        self._hooks.changed()
        return running

    def _filled_in(self, templates: tuple[str, ...]) -> list[str]:
        return [filled_in(template, release=self._revision.release, replica=self.state) for template in templates]

    def _environment(self, run: int) -> Mapping[str, str]:
        return {
            **replica_environment(self._spec, self._revision.release, self.state),
            MARKER: self._layout.digest,
            MEMBER: f"{self.state.name}/{run}",
        }

    # --- running ------------------------------------------------------------------------------------------------------

    async def _attend(self, running: Running) -> int | None:
        """Probe the process until it ends by itself, by its liveness probe or because it is no longer wanted."""
        if self._revision.readiness is None:
            self._become_ready()
        exited = asyncio.create_task(running.wait())
        stop = asyncio.create_task(self._stop.wait())
        readiness = asyncio.create_task(self._watch_readiness())
        liveness = asyncio.create_task(self._watch_liveness())
        try:
            await asyncio.wait({exited, stop, liveness}, return_when=asyncio.FIRST_COMPLETED)
            if liveness.done():
                liveness.result()  # a defect of the probe is no reason to kill
            await _cancel(liveness)
            if not exited.done():
                await self._end(running, exited, readiness)
            return await exited
        finally:
            await _cancel(exited, stop, readiness, liveness)

    async def _end(self, running: Running, exited: asyncio.Task[int | None], readiness: asyncio.Task[None]) -> None:
        state = self.state
        if self._stop.is_set():
            await _cancel(readiness)
            await self._hooks.withdraw()
            if state.terminated_at is None:
                await asyncio.sleep(self._spec.drain_s)
        if state.terminated_at is None:
            state.terminated_at = now()
            running.terminate()
            self._hooks.changed()
        left_s = self._spec.grace_s - (now() - state.terminated_at).total_seconds()
        await asyncio.wait({exited}, timeout=max(left_s, 0.0))
        if not exited.done():
            running.kill()

    async def _watch_readiness(self) -> None:
        probe = self._revision.readiness
        if probe is None:
            return
        failures = 0
        async for problem in self._answers(probe):
            if problem is None:
                failures = 0
                if not self.state.ready:
                    self._become_ready()
                continue
            failures += 1
            self._event("Warning", "Unhealthy", f"Readiness probe failed: {problem}")
            if self.state.ready and failures >= probe.failure_threshold:
                self.state.ready, self.state.unready_at = False, now()
                self._hooks.changed()

    async def _watch_liveness(self) -> None:
        """Return when the process has to be killed."""
        probe = self._revision.liveness
        if probe is None:
            await asyncio.Event().wait()
            return
        failures = 0
        async for problem in self._answers(probe):
            failures = 0 if problem is None else failures + 1
            if problem is not None:
                self._event("Warning", "Unhealthy", f"Liveness probe failed: {problem}")
            if failures >= probe.failure_threshold:
                break
        self._event("Normal", "Killing", f"Container {self._spec.image} failed liveness probe, will be restarted")

    def _answers(self, probe: Probe) -> AsyncIterator[str | None]:
        started_at = self.state.started_at or now()
        age_s = (now() - started_at).total_seconds()
        return answers(host=self.state.host, port=self.state.port, probe=probe, age_s=age_s)

    def _become_ready(self) -> None:
        if self._stop.is_set():  # asked to end while the probe was under way
            return
        self.state.ready = True
        self.state.ready_at, self.state.unready_at = self.state.ready_at or now(), None
        self._hooks.changed()

    # --- ending and starting again ------------------------------------------------------------------------------------

    def _note_exit(self, code: int | None, *, known: bool) -> None:
        state = self.state
        at = now()
        ran_s = (at - state.started_at).total_seconds() if state.started_at is not None else 0.0
        reason = ("Completed" if code == 0 else "Error") if known else "Unknown"
        state.last_exit = Exit(code=-1 if code is None else code, reason=reason, at=at)
        state.pid = state.process_created_at = state.started_at = state.terminated_at = None
        state.ready_at = state.unready_at = None
        state.ready = False
        if not self._stop.is_set():
            scale = self._spec.back_off_scale
            wait_s = 0.0 if ran_s > 600.0 * scale else state.back_off_s
            state.back_off_s = next_back_off(state.back_off_s, ran_s=ran_s, scale=scale)
            state.phase = ReplicaPhase.BACK_OFF if wait_s > 0 else ReplicaPhase.PENDING
            state.restart_at = at + timedelta(seconds=wait_s) if wait_s > 0 else None
        self._hooks.changed()

    async def _wait_for_restart(self) -> None:
        state = self.state
        if state.restart_at is None:
            return
        self._event("Warning", "BackOff", f"Back-off restarting failed container {self._spec.image} in pod {state.name}")
        wait_s = (state.restart_at - now()).total_seconds()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(wait_s, 0.0)):
                await self._stop.wait()
        state.restart_at = None

    def _event(self, kind: str, reason: str, text: str) -> None:
        self._hooks.event(kind, reason, f"Pod/{self.state.name}", text)


def replica_environment(spec: DeploymentSpec, release: str, replica: ReplicaState) -> dict[str, str]:
    """What a replica's processes find in their environment, but for our marks."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = {name: filled_in(value, release=release, replica=replica) for name, value in spec.environment.items()}
    return {**passed_on, **own}


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
