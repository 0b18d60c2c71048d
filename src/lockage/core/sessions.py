"""Whose session is it: maps backends of PostgreSQL to live replicas, and finds the orphans.

Not for deciding what becomes of an orphan. The surprising thing: one look is never enough to call a session an orphan,
because sessions and replicas are read at different moments, and a connection opened between the two readings has no owner
yet. Read sessions, then replicas, then sessions again: a backend that is there in both readings, and whose client end is
among no replica's in between, has no client. ``owned_sessions`` judges one look, ``confirmed`` puts two together.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from lockage.core.facts import OwnedSession, Replica, Session

OURS = "lockage/"
"""How the application name of each session of ours begins."""

UNSEEN = datetime(1970, 1, 1, tzinfo=UTC)
"""``backend_start`` of a session that the asking role may not look into; no backend is that old."""

APPLICATION_NAME_BYTES = 63
"""PostgreSQL cuts longer names silently, and names of pods are often longer.

Source: NAMEDATALEN - 1; manual of PostgreSQL 18, 19.8.3, application_name.
"""

CLOCK_SKEW_S = 2.0
"""How much earlier than its process, by another machine's clock, a backend may begin and still be that process' own.

Clocks under NTP differ by milliseconds; Kubernetes cuts ``startedAt`` to whole seconds. A dead predecessor's backend is
older than this, unless it lived for less than two seconds.
"""

_PLACEHOLDER = "{replica}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Naming:
    pattern: str
    workload: str

    def expected(self, replica: str) -> str:
        return _cut(self.pattern.replace(_PLACEHOLDER, replica))

    @property
    def names_replicas(self) -> bool:
        return _PLACEHOLDER in self.pattern

    def matches(self, application_name: str) -> bool:
        """Whether a session with this name is the application's, of whichever replica."""
        before, placeholder, after = self.pattern.partition(_PLACEHOLDER)
        if not placeholder:
            return bool(self.pattern) and application_name == _cut(self.pattern)
        if not before and not after:
            # A bare placeholder matches every name there is, psql's included.
            return bool(self.workload) and application_name.startswith(f"{self.workload}-")
        cut = len(application_name.encode()) >= APPLICATION_NAME_BYTES
        tail = "" if cut else re.escape(after)
        return re.fullmatch(f"{re.escape(before)}.+{tail}", application_name, re.DOTALL) is not None


def owned_sessions(
    sessions: Iterable[Session],
    replicas: Iterable[Replica],
    *,
    pattern: str,
    workload: str = "",
    migration_lock: int | None = None,
    role: str | None = None,
    clock_skew_s: float = CLOCK_SKEW_S,
    ahead_s: float = 0.0,
) -> tuple[OwnedSession, ...]:
    """Every session with its replica, in the order given; ``orphan`` as far as *one* look can tell (see ``confirmed``).

    Times of sessions are by a clock ``ahead_s`` ahead of that of the replicas; less than a second of it counts as none.

    ``pattern`` is the profile's ``application_name``, such as ``towpath/{replica}``. With a bare ``{replica}`` only names
    that begin with the ``workload``'s can be orphans. ``migration_lock`` is the key of an advisory lock that only replicas ever
    hold: whoever holds it and is older than every replica's process has a dead client, whatever it calls itself. ``role`` is
    the application's, where nobody knows what its sessions are called: one of it that holds something, comes from a replica's
    own address and is older than that replica's process was its predecessor's.
    """
    live = tuple(replicas)
    naming = _Naming(pattern=pattern, workload=workload)
    sessions = tuple(sessions)
    translated = _translated(sessions, live)
    # A replica's start, by the other clock, and as early as it can have been.
    earlier_s = clock_skew_s - (ahead_s if abs(ahead_s) >= 1.0 else 0.0)
    judged = (
        _judge(session, live, naming, earlier_s, translated=translated, migration_lock=migration_lock) for session in sessions
    )
    return tuple(replace(one, orphan=one.orphan or _predecessors(one, live, role, earlier_s)) for one in judged)


def role_of_replicas(sessions: Iterable[Session], *, pattern: str, workload: str = "") -> str | None:
    """The role that most sessions have which are called as replicas' are; None where none is."""
    naming = _Naming(pattern=pattern, workload=workload)
    roles = Counter(session.user for session in sessions if naming.matches(session.application_name))
    return next((role for role, _ in roles.most_common(1)), None)


def confirmed(first: Sequence[OwnedSession], second: Sequence[OwnedSession]) -> tuple[OwnedSession, ...]:
    """The second look, with ``orphan`` only where the same backend was one in the first look too.

    It is proof when replicas were read after the first look's sessions and before the second's.
    """
    before = {_identity(o.session) for o in first if o.orphan}
    return tuple(replace(o, orphan=o.orphan and _identity(o.session) in before) for o in second)


def _translated(sessions: Sequence[Session], live: Sequence[Replica]) -> bool:
    """Whether something may stand between replicas and database that hides addresses: no replica's own is seen at all.

    Clusters hide the addresses of pods behind their nodes' when a database is outside; and so do proxies.
    """
    own = {_plain(e.address) for replica in live for e in replica.endpoints if e.port is None}
    return bool(own) and not any(_plain(s.client_address) in own for s in sessions if not s.application_name.startswith(OURS))


def _judge(
    session: Session,
    live: Sequence[Replica],
    naming: _Naming,
    earlier_s: float,
    *,
    translated: bool,
    migration_lock: int | None,
) -> OwnedSession:
    if session.application_name.startswith(OURS):
        return OwnedSession(session=session, replica=None, orphan=False, ours=True)
    owners = _possible_owners(session, live, naming, earlier_s)
    if owners:  # one of several is a live client too, though we cannot say whose
        return OwnedSession(session=session, replica=owners[0].name if len(owners) == 1 else None, orphan=False)
    outlived = not any(_begun_since(r, session, earlier_s) for r in live)
    if migration_lock is not None and migration_lock in session.advisory_locks and outlived:
        return OwnedSession(session=session, replica=None, orphan=True)
    # Neither an address nor a replica's name: nothing speaks for a dead client, nor against it.
    traceable = naming.names_replicas or session.client_address is not None
    if not naming.names_replicas and (_may_be_new(session, live, earlier_s) or (translated and not outlived)):
        traceable = False
    return OwnedSession(session=session, replica=None, orphan=traceable and naming.matches(session.application_name))


def _predecessors(judged: OwnedSession, live: Sequence[Replica], role: str | None, earlier_s: float) -> bool:
    """Whether a session of the role, which no live replica can have begun, has the address of one, and holds something."""
    session = judged.session
    if role is None or session.user != role or judged.ours or judged.replica is not None:
        return False
    address = _plain(session.client_address)
    own = [replica for replica in live if address is not None and _has_address(replica, address)]
    # Of several at one address nobody knows which.
    older = len(own) == 1 and own[0].started_at is not None and not _begun_since(own[0], session, earlier_s)
    return older and (session.in_transaction or bool(session.advisory_locks))


def _may_be_new(session: Session, live: Sequence[Replica], earlier_s: float) -> bool:
    """Whether it may be of a replica whose process, and whose address, the platform has not told of yet."""
    return any(r.started_at is None and not r.endpoints and _begun_since(r, session, earlier_s) for r in live)


def _possible_owners(session: Session, live: Sequence[Replica], naming: _Naming, earlier_s: float) -> Sequence[Replica]:
    address = _plain(session.client_address)
    if address is not None and session.client_port is not None:
        for replica in live:
            if any(_plain(e.address) == address and e.port == session.client_port for e in replica.endpoints):
                return [replica]  # the very socket: no clock and no name is needed
    begun = [replica for replica in live if _begun_since(replica, session, earlier_s)]
    named = [r for r in begun if naming.names_replicas and naming.expected(r.name) == session.application_name]
    if named:
        if address is None:
            return named
        # No two pods have one name, so that an address that is not the pod's is one that was translated on the way. Of a
        # process, which shows its sockets, it is a dead one's.
        return [r for r in named if _has_address(r, address)] or [r for r in named if all(e.port is None for e in r.endpoints)]
    if naming.names_replicas and naming.matches(session.application_name):
        return []
    if address is None:
        return []
    return [r for r in begun if _has_address(r, address)]


def _begun_since(replica: Replica, session: Session, earlier_s: float) -> bool:
    # A restarted container keeps its name and its address: only the time tells its dead predecessor's backend apart.
    return session.backend_start == UNSEEN or session.backend_start >= _since(replica) - timedelta(seconds=earlier_s)


def _since(replica: Replica) -> datetime:
    """The earliest that the replica's present process can have begun.

    A platform tells of a process a moment after it began, and of a deaf node's much later: that of a replica which has none
    yet, or which waits to be started again, may be there already, and migrate.
    """
    if replica.started_at is not None:
        return replica.started_at
    return replica.last_exit.at if replica.last_exit is not None else replica.created_at


def _has_address(replica: Replica, address: str) -> bool:
    return any(e.port is None and _plain(e.address) == address for e in replica.endpoints)


def _identity(session: Session) -> tuple[int, datetime]:
    return session.pid, session.backend_start


def _plain(address: str | None) -> str | None:
    """The address in one spelling: ``::ffff:10.0.0.1`` is ``10.0.0.1``."""
    if address is None:
        return None
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _cut(name: str) -> str:
    return name.encode()[:APPLICATION_NAME_BYTES].decode(errors="ignore")
