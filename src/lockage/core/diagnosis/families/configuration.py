"""Configuration: what a replica is given and cannot start with: Secrets, the way into the database, a licence.

Pure. The surprising thing: the best witness is mostly the application's own log, and the second our own connection with the
application's address; but ours alone proves nothing while the replicas serve, for then it is our own address that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.diagnosis.evidence import Container, ContainerPhase, ReplicaDetail
from lockage.core.diagnosis.families import configuration_named
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.present import (
    age_s,
    event_line,
    in_trouble,
    is_ready,
    kubectl,
    living,
    pod_events,
    pods,
    state_line,
    who,
)
from lockage.core.diagnosis.roles import asks_as_nobody, fact_of_role
from lockage.core.diagnosis.server_messages import Fault, fault_in, meant_sqlstate
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import Voice, fresh_voices, voices

MOUNT_RETRIED_S = 900.0
"""How old the last failure of a mount may be: it is tried again every two minutes, and told every five at least."""

# --- missing objects --------------------------------------------------------------------------------------------------

_MISSING = re.compile(
    r"(?P<kind>secret|configmap) \"(?P<name>[^\"]+)\" not found|couldn't find key (?P<key>\S+) in (?P<kind2>Secret|ConfigMap) "
    r"(?P<name2>\S+)|references non-existent (?P<kind3>secret|config) key: (?P<key3>\S+)",
    re.IGNORECASE,
)
"""What the kubelet says of a Secret or ConfigMap that is not there.

Source: Kubernetes 1.33, pkg/kubelet/kubelet_pods.go, pkg/volume/secret and pkg/volume/configmap.
"""


def missing_object(case: Case) -> Iterator[Finding]:
    """F018: a Secret, a ConfigMap, or a key in it, that a replica needs to start, is not there."""
    groups: dict[str, list[tuple[ReplicaDetail, Exhibit]]] = {}
    for detail in living(case):
        found = None if is_ready(case, detail) else _missing_of(case, detail)
        if found is not None:
            groups.setdefault(found[0], []).append((detail, found[1]))
    for what, found in groups.items():
        names = tuple(detail.name for detail, _ in found)
        yield Finding(
            code="F018",
            cause=f"{what}, and {who(case, names)} cannot start without it",
            confidence=0.95,
            why="the kubelet says so, and tries again",
            evidence=(found[0][1],),
            next=kubectl(case, "get", "configmaps,secrets"),
            avoid="do not restart the old replicas: they run with what they read when they started, and would not start again",
            about=pods(*names),
        )


def _missing_of(case: Case, detail: ReplicaDetail) -> tuple[str, Exhibit] | None:
    """What is missing, in words, and where that was said."""
    for container in detail.containers:
        state = container.state
        found = _MISSING.search(state.message) if state.phase is ContainerPhase.WAITING else None
        if found is not None:
            return _in_words(found), state_line(detail, container)
    waits = any(c.state.phase is ContainerPhase.WAITING and c.state.reason != "CrashLoopBackOff" for c in detail.containers)
    for event in reversed(pod_events(case, detail.name, "Failed", "FailedMount")):
        found = _MISSING.search(event.text)
        if found is not None and waits and age_s(case, event.at) < MOUNT_RETRIED_S:
            return _in_words(found), event_line(event)
    return None


def _in_words(found: re.Match[str]) -> str:
    kind = (found["kind"] or found["kind2"] or found["kind3"] or "").lower()
    called = "Secret" if kind == "secret" else "ConfigMap"
    if found["key"] is not None:
        return f"{called} {found['name2']} has no key {found['key']}"
    if found["key3"] is not None:
        return f"a {called} that is mounted has no key {found['key3']}"
    return f"{called} {found['name']} does not exist"


# --- the way into the database ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """Why one does not get into the database, said by replicas or by the answer to our own connection."""

    code: str
    text: str
    replicas: tuple[str, ...]
    exhibits: tuple[Exhibit, ...]
    ours: bool  # our own connection fails for the same reason
    beside: _Beside | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Beside:
    """A container beside the application's that the way to the database may go through, and does not lead on."""

    container: str
    words: str
    exhibit: Exhibit


_WHAT = {
    "F019": "the database refuses the password of {who}",
    "F020": "the database address of {who} is not valid",
    "F021": "the database of {who} is not found, or does not answer",
    "F022": "{who} and the database do not agree about TLS",
    "F023": "the database, or the role, that {who} asks for does not exist",
    "F024": "pg_hba.conf does not let {who} in",
}

_AVOID = {
    "F019": "do not set a new password before it is known who uses the old one: other clients may share the role",
    "F021": "do not delete the replicas that serve: their connections may be the only ones left",
    "F022": "do not switch sslmode to disable on a network that is not yours: the password would go in plain text",
    "F023": "do not create an empty database to get it to start: the application would make a fresh one in it",
}


def no_way_in(case: Case) -> Iterator[Finding]:
    """F019 to F024: replicas do not get into the database."""
    groups: dict[str, list[Voice]] = {}
    for voice in voices(case):
        code = _code_of(case, voice.complaint.sqlstate, voice.complaint.fault, voice.complaint.words)
        if code is not None:
            groups.setdefault(code, []).append(voice)
    ours = _of_our_own(case)
    if "F019" in groups and asks_as_nobody(case, groups["F019"][0].complaint.message):
        groups["F023"] = groups.pop("F019")
    for code, found in groups.items():
        same = ours is not None and ours.code == code
        beside = _beside(case, found[0]) if code == "F021" else None
        exhibits = (*(voice.exhibit for voice in found[:2]), *(ours.exhibits if same and ours is not None else ()))
        names = tuple(dict.fromkeys(voice.detail.name for voice in found))
        text = found[0].complaint.message
        yield _finding(case, _Said(code=code, text=text, replicas=names, exhibits=exhibits, ours=same, beside=beside))
    if ours is not None and not groups:
        yield _finding(case, ours)


_OWN_POD = re.compile(r"\b127\.0\.0\.1\b|\blocalhost\b|(?<![\w:])::1\b|/cloudsql/|\.s\.PGSQL\.")
"""An address that leads no further than the pod itself."""


def _beside(case: Case, voice: Voice) -> _Beside | None:
    """The proxy in the pod itself that the application asks, or that all of its traffic goes through, where that is not up.

    Which container is a proxy is not told by its name: one that is asked for by the pod's own address is, and one that was not
    up, or came up later than the application, may be.
    """
    if case.evidence.platform_kind != "kubernetes" or voice.container.init:
        return None
    asked_here = _OWN_POD.search(voice.complaint.raw) is not None
    others = [c for c in voice.detail.containers if c is not voice.container and not c.main and not _is_done(c)]
    down = [c for c in others if c.state.phase is not ContainerPhase.RUNNING or not c.ready]
    late = [c for c in others if c not in down and _began_later(c, voice)]
    for one, how in (*((c, "is not up") for c in down), *((c, "came up later than it") for c in late)):
        where = "that address is the pod itself, and " if asked_here else "its way may go through the pod's own container: "
        words = f"{where}{one.name} {how}"
        return _Beside(container=one.name, words=words, exhibit=state_line(voice.detail, one))
    return None


def _is_done(container: Container) -> bool:
    return container.init and container.state.phase is ContainerPhase.TERMINATED


def _began_later(container: Container, voice: Voice) -> bool:
    """Whether it began after the process that complains."""
    own = voice.container.last if voice.ended and voice.container.last is not None else voice.container.state
    began = container.state.started_at
    return began is not None and own.started_at is not None and began > own.started_at


def _of_our_own(case: Case) -> _Said | None:
    """What kept us out, where it keeps the application out too.

    It does where no replica is ready, and where one that is complains of the same at this moment: a health check may never ask
    the database.
    """
    trouble = case.evidence.database.trouble
    if trouble is None:
        return None
    code = _code_of(case, trouble.sqlstate or meant_sqlstate(trouble.text), fault_in(trouble.text), trouble.text)
    same = [
        voice
        for voice in fresh_voices(case)
        if code == _code_of(case, voice.complaint.sqlstate, voice.complaint.fault, voice.complaint.words)
    ]
    there = living(case)
    if any(is_ready(case, detail) for detail in there) and not same:
        return None
    troubled = tuple(d.name for d in there if any(in_trouble(case, d, c) for c in d.containers))
    names = tuple(dict.fromkeys(voice.detail.name for voice in same)) or troubled
    if code is None or not names:
        return None
    exhibit = Exhibit(source="the answer to a connection of our own", text=trouble.text[:400])
    exhibits = (*(voice.exhibit for voice in same[:2]), exhibit)
    return _Said(code=code, text=" ".join(trouble.text.split())[:200], replicas=names, exhibits=exhibits, ours=True)


def _code_of(case: Case, sqlstate: str | None, fault: Fault | None, text: str) -> str | None:
    match sqlstate:
        case "28P01":
            code = "F019"
        case "3D000":
            code = "F023"
        case "08001":  # as drivers of Java say it of whatever kept them from connecting
            code = "F021"
        case "28000" if "not permitted to log in" not in text:  # which is a privilege
            code = _said_at_login(text) or ("F022" if _wants_tls(case, text) else "F024")
        case "08P01" | "XX000":
            code = _said_at_login(text)
        case None:
            code = None if fault is None else _CODES[fault]
        case _:
            code = None
    return code


def _said_at_login(text: str) -> str | None:
    return next((code for words, code in _AT_LOGIN if words.search(text)), None)


_AT_LOGIN = tuple(
    (re.compile(words), code)
    for words, code in (
        (r"does not exist|\bno such (?:user|database): |Tenant or user not found", "F023"),
        (r"(?:LDAP|PAM|GSSAPI|RADIUS|SCRAM) authentication failed", "F019"),
        (r"valid client certificate|certificate authentication failed|SSL connection is required|SSL required", "F022"),
        (r"cannot connect to server|server login (?:has been failing|failed)|server_login_retry", "F021"),
    )
)
"""What a server, or the pooler before it, says to a login under a code that says less.

Source: PostgreSQL 18, libpq/auth.c and hba.c; PgBouncer 1.24, client.c, server.c and janitor.c.
"""

_CODES = {
    Fault.WANTS_TLS: "F022",
    Fault.NO_HOST: "F021",
    Fault.REFUSED: "F021",
    Fault.SILENT: "F021",
    Fault.UNREACHABLE: "F021",
    Fault.LOST: None,  # a connection that there was: somebody ended it, which is another story
    Fault.NO_TLS: "F022",
    Fault.CERTIFICATE: "F022",
    Fault.BAD_URL: "F020",
}


def _wants_tls(case: Case, text: str) -> bool:
    """Whether a server that has TLS refuses a connection without: its pg_hba.conf says the same words for both."""
    server = case.evidence.database.server
    return ("no encryption" in text or "SSL off" in text) and server is not None and server.settings.get("ssl") == "on"


def _finding(case: Case, said: _Said) -> Finding:
    named = who(case, said.replicas)
    role = fact_of_role(case, said.code, said.text)
    known = tuple(one for one in (said.beside, role) if one is not None)
    both = ", and our own connection fails for the same reason" if said.ours and len(said.exhibits) > 1 else ""
    alone = said.ours and len(said.exhibits) == 1
    return Finding(
        code=said.code,
        cause="; ".join((f"{_WHAT[said.code].format(who=named)}: {said.text}", *(one.words for one in known))),
        confidence=0.6 if alone else (0.95 if both else 0.85),
        why="our own connection fails so; what the replicas say was not seen" if alone else f"the replica's log says so{both}",
        evidence=(*said.exhibits, *(one.exhibit for one in known)),
        next=role.next if role is not None else _next(case, said),
        avoid=_AVOID.get(said.code),
        rules_out=("F010", "F012"),
        about=pods(*said.replicas),
    )


def _next(case: Case, said: _Said) -> str:
    if said.beside is not None:
        return kubectl(case, "logs", said.replicas[0], "-c", said.beside.container)
    if said.code in {"F021", "F022", "F024"}:
        return lockage(case, "survey")
    return kubectl(case, "describe", "pod", said.replicas[0]) if said.replicas else lockage(case, "survey")


RULES: tuple[Rule, ...] = (missing_object, no_way_in, *configuration_named.RULES)
