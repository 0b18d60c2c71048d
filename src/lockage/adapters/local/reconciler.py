"""Makes what runs into what is asked for: one look at the document, the next move, and again at every change.

Not for deciding (`rolling` decides) nor for one replica's life (`replica_life`). The surprising thing: on its first look it
searches the machine for processes that carry the deployment's mark, because its predecessor may have been killed between
starting a process and writing that down.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from datetime import UTC, datetime

import psutil

from lockage.adapters.local.free_ports import choose_port
from lockage.adapters.local.front_control import FrontControl
from lockage.adapters.local.layout import FRONT, HOST, MARKER, MEMBER, Layout
from lockage.adapters.local.processes import Running, is_alive, leads_session, marked_processes, send
from lockage.adapters.local.records import ReplicaState, State
from lockage.adapters.local.replica_life import Hooks, ReplicaLife, now
from lockage.adapters.local.rolling import Bounds, Candidate, bounds, decide
from lockage.adapters.local.store import save_state
from lockage.core.facts import Event, ReplicaPhase

EVENTS_KEPT = 500
"""Newest events that are kept: an hour of three replicas that fail a probe every second, the repeated ones being one each."""

REPEATING = frozenset({"Unhealthy", "BackOff"})
"""Reasons whose repetition moves the event's time instead of adding an event, as Kubernetes counts them up."""

EVENTS_SAVED_AFTER_S = 1.0
"""Events alone are not worth a write each; a killed supervisor may lose those of the last second."""

NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""For the five characters of a replica's name. Source: Kubernetes, ``apimachinery/pkg/util/rand``."""

log = logging.getLogger(__name__)


class Reconciler:
    """The supervisor's work; the document is changed by it and by those who call `asked`."""

    def __init__(self, *, layout: Layout, state: State) -> None:
        self.state = state
        self._layout = layout
        self._lives: dict[str, ReplicaLife] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._saving: asyncio.TimerHandle | None = None
        self._front = FrontControl(layout=layout, state=state.front, save=self._changed, ready=self._ready)
        self._hooks = Hooks(
            changed=self._changed, event=self._event, withdraw=self._front.refresh, taken_ports=self._taken_ports
        )

    def limits(self) -> Bounds:
        """The update strategy in absolute numbers, for the replicas that are wanted now."""
        update = self.state.spec.update
        return bounds(wanted=self.state.wanted, max_surge=update.max_surge, max_unavailable=update.max_unavailable)

    def asked(self) -> None:
        """The document says something new: keep it, and begin to act on it.

        Raises ``OSError`` when it cannot be kept.
        """
        save_state(self._layout, self.state)
        self._settle()

    async def run(self) -> None:
        """Adopt what runs, then settle at every change. Returns only when cancelled; the replicas go on."""
        self._adopt()
        front = asyncio.create_task(self._front.keep_running())
        front.add_done_callback(_complain)
        try:
            while True:
                self._wake.clear()
                await self._front.refresh()  # first, so that a new replica serves before an old one goes
                self._settle()
                await self._wake.wait()
        finally:
            for task in (front, *self._tasks):
                task.cancel()
            await asyncio.gather(front, *self._tasks, return_exceptions=True)
            save_state(self._layout, self.state)

    # --- adopting -----------------------------------------------------------------------------------------------------

    def _adopt(self) -> None:
        found = self._marked()
        for replica in self.state.replicas:
            process = found.get(f"{replica.name}/{replica.runs - 1}")
            if process is not None and replica.pid is None:
                self._write_down(replica, process)
        front = self.state.front
        if FRONT in found and not is_alive(front.pid, front.process_created_at):
            with contextlib.suppress(psutil.Error):
                front.process_created_at = found[FRONT].create_time()
                front.pid = found[FRONT].pid
        known = {front.pid, *(replica.pid for replica in self.state.replicas)}
        for mark, process in found.items():
            if process.pid not in known:
                log.warning("process %d with mark %s belongs to nobody: killed", process.pid, mark)
                send(process.pid, signal.SIGKILL, group=True)
        for replica in self.state.replicas:
            self._begin(replica, Running.adopt(replica.pid, replica.process_created_at))

    def _marked(self) -> dict[str, psutil.Process]:
        """What runs of this deployment, by mark."""
        found: dict[str, psutil.Process] = {}
        for process in marked_processes(MARKER, self._layout.digest):
            with contextlib.suppress(psutil.Error):
                mark = process.environ().get(MEMBER)
                if mark is not None and leads_session(process.pid):
                    found[mark] = process
        return found

    def _write_down(self, replica: ReplicaState, process: psutil.Process) -> None:
        with contextlib.suppress(psutil.Error):
            created_at = process.create_time()
            replica.pid, replica.process_created_at = process.pid, created_at
            replica.started_at = datetime.fromtimestamp(created_at, UTC)
            if replica.phase is not ReplicaPhase.TERMINATING:
                replica.phase = ReplicaPhase.RUNNING

    # --- settling -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        while True:
            decision = decide(
                [self._candidate(replica) for replica in self.state.replicas],
                wanted=self.state.wanted,
                update=self.state.spec.update.kind,
                limits=self.limits(),
            )
            if not decision.create and not decision.remove:
                return
            before = self._counts()
            for name in decision.remove:
                self._lives[name].terminate()
            for _ in range(decision.create):
                self._create()
            self._tell_scaling(before)

    def _candidate(self, replica: ReplicaState) -> Candidate:
        return Candidate(
            name=replica.name,
            current=replica.revision == self.state.revision.hash,
            ready=replica.ready,
            terminating=replica.phase is ReplicaPhase.TERMINATING,
            restarts=replica.restarts,
            created=replica.created_at.timestamp(),
        )

    def _create(self) -> None:
        revision = self.state.revision
        letters = "".join(random.choices(NAME_LETTERS, k=5))  # noqa: S311 - no secret
        replica = ReplicaState(
            name=f"{self.state.spec.name}-{revision.hash}-{letters}",
            revision=revision.hash,
            host=HOST,
            port=choose_port(HOST, taken=self._taken_ports()),
            created_at=now(),
        )
        self.state.replicas.append(replica)
        self._event("Normal", "Scheduled", f"Pod/{replica.name}", f"Successfully assigned {replica.name} to {replica.address}")
        self._event("Normal", "Created", f"Pod/{replica.name}", f"Created container {self.state.spec.image}")
        self._begin(replica, None)

    def _begin(self, replica: ReplicaState, running: Running | None) -> None:
        life = ReplicaLife(
            layout=self._layout,
            spec=self.state.spec,
            state=replica,
            revision=self.state.revision_of(replica),
            hooks=self._hooks,
        )
        self._lives[replica.name] = life
        task = asyncio.create_task(self._live(life, running))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _live(self, life: ReplicaLife, running: Running | None) -> None:
        try:
            await life.live(running)
        except Exception:
            # A defect of ours must not leave a process that nobody looks after: begin anew from what is written down.
            log.exception("the life of %s was interrupted", life.state.name)
            await asyncio.sleep(1.0)
            self._begin(life.state, Running.adopt(life.state.pid, life.state.process_created_at))
            return
        self.state.replicas.remove(life.state)
        del self._lives[life.state.name]
        self._changed()

    # --- what lives tell us -------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        self._wake.set()
        try:
            save_state(self._layout, self.state)
        except OSError:
            log.exception("%s cannot be written", self._layout.state_file)
            self._save_later()

    def _event(self, kind: str, reason: str, subject: str, text: str) -> None:
        event = Event(at=now(), kind=kind, reason=reason, subject=subject, text=text)
        events = self.state.events
        if reason in REPEATING:
            same = (known for known in reversed(events) if (known.reason, known.subject, known.text) == (reason, subject, text))
            known = next(same, None)
            if known is not None:
                events.remove(known)
        events.append(event)
        del events[:-EVENTS_KEPT]
        self._save_later()

    def _save_later(self) -> None:
        if self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(EVENTS_SAVED_AFTER_S, self._save_now)

    def _save_now(self) -> None:
        self._saving = None
        try:
            save_state(self._layout, self.state)
        except OSError:
            log.exception("%s cannot be written", self._layout.state_file)

    def _tell_scaling(self, before: dict[str, int]) -> None:
        after = self._counts()
        for digest in dict.fromkeys((*before, *after)):
            old, new = before.get(digest, 0), after.get(digest, 0)
            if old != new:
                direction = "up" if new > old else "down"
                name = self.state.spec.name
                text = f"Scaled {direction} replica set {name}-{digest} from {old} to {new}"
                self._event("Normal", "ScalingReplicaSet", f"Deployment/{name}", text)

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for replica in self.state.replicas:
            if replica.phase is not ReplicaPhase.TERMINATING:
                counts[replica.revision] = counts.get(replica.revision, 0) + 1
        return counts

    def _ready(self) -> list[tuple[str, int]]:
        return [(replica.host, replica.port) for replica in self.state.replicas if replica.ready]

    def _taken_ports(self) -> set[int]:
        return {self.state.front.port, *(replica.port for replica in self.state.replicas)}


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("the front is no longer looked after", exc_info=task.exception())
