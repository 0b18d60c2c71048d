"""A deployment with a canary in every source of its evidence, in every encoding, and the bundle that is made of it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from lockage.adapters.bundle_archive import write_bundle
from lockage.core.bundle.manifest import Tool
from lockage.core.diagnosis.diagnose import diagnose
from lockage.core.diagnosis.evidence import LogText, Missing, Trouble
from lockage.core.diagnosis.findings import Case
from lockage.core.diagnosis.rules import RULES
from lockage.core.facts import Event
from lockage.core.plan.steps import Strategy
from lockage.core.progress import MigrationText
from lockage.core.run import RunNote
from lockage.errors import UnreachableError
from lockage.flows.bundle import Ingredients, Made, make_bundle
from lockage.interfaces.causes import causes
from lockage.ports import JournalEntry
from lockage.ports.objects import SeenObject, SeenVariable
from support.cases import NOW, case, names
from support.fake_world import FakeClock
from support.memory_journals import MemoryJournals
from support.plans import hop, plan_of

PASSWORD = "Zaun%7k\"önig/'x&9"
"""Of the database: known, because whoever made the bundle has used it."""

GIVEN = "ZaunkoenigAusEinemSecret77"
"""Of a Secret, under a name that tells nothing."""

SHAPED = "Kanarie7vogel"
"""In whatever shows by its shape or its name; nobody has told of it."""

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJLYW5hcmllIn0.S2FuYXJpZS1zaWduYXR1cg"
PEM = "-----BEGIN EC PRIVATE KEY-----\nS2FuYXJpZTd2b2dlbEthbmFyaWU3dm9nZWw=\n-----END EC PRIVATE KEY-----"


def b64(text: str, before: int = 0) -> str:
    return base64.b64encode(b"~" * before + text.encode()).decode()


ENCODED: Mapping[str, Callable[[str], str]] = {
    "plain": lambda s: f"with {s} refused",
    "JSON": lambda s: json.dumps({"level": "error", "msg": f"with {s} refused"}),
    "JSON in JSON": lambda s: json.dumps({"msg": json.dumps({"inner": s}, ensure_ascii=False)}),
    "URL-encoded": lambda s: f"GET /login?next={quote(s, safe='')}",
    "base64": lambda s: f"sent {b64(s)}",
    "base64, one on": lambda s: f"sent {b64(s, 1)}",
    "base64, two on": lambda s: json.dumps({"data": b64(s, 2)}),
    "hexadecimal": lambda s: f"sent \\x{s.encode().hex()}",
    "SQL": lambda s: "ERROR near '" + s.replace("'", "''") + "'",
}
SHAPES = (
    f"connecting to postgres://app:{SHAPED}@db.example:5432/app?sslmode=require",
    f"connecting with host=db user=app password={SHAPED} dbname=app",
    f"Cookie: session={SHAPED}; theme=dark",
    f"Authorization: Bearer {SHAPED}",
    f"Authorization: Basic {b64('app:' + SHAPED)}",
    f"the token is {JWT} now",
    *PEM.splitlines(),
    json.dumps({"level": "debug", "config": json.dumps({"client_secret": SHAPED})}),
    f"user {SHAPED}@example.com signed in",
    f"kubeconfig: {{users: [{{name: me, user: {{token: {SHAPED}}}}}]}}",
    f"INSERT INTO users (name) VALUES ('{SHAPED}')",
    json.dumps({"url": f"postgres://app:{SHAPED}@db/app"}).replace("/", "\\/"),
    f"values: {b64(f'db: {{password: {SHAPED}}}')}",
    f"dsn={quote(f'host=db user=app password={SHAPED}', safe='')}",
    f"db.example:5432:app:app:{SHAPED}",
    f"+ PGPASSWORD={SHAPED} psql -h db -U app",
    f"+ curl -u app:{SHAPED} https://api.example/hook",
    f"args=['serve', '--db-password', '{SHAPED}']",
    f'PgConnectOptions {{ host: "db", password: Some("{SHAPED}") }}',
    f"<dataSource><user>app</user><password>{SHAPED}</password></dataSource>",
    f"the password for user root has been set to {SHAPED}",
    f"primary_conninfo = 'host=db user=repl password=''{SHAPED}'' sslmode=prefer'",
    f'host all all 0.0.0.0/0 ldap ldapserver=x ldapbindpasswd="{SHAPED}"',
    *(json.dumps({"level": "info", "msg": line}) for line in PEM.splitlines()),
    f"AKIA{SHAPED.upper()}ABC with aws_secret_access_key = wJalr/{SHAPED}/bPxRfiCYEXAMPLEKEY12",
    f"ghp_{SHAPED}{SHAPED}0123456789",
)
LINES = tuple(encoded(secret) for secret in (PASSWORD, GIVEN) for encoded in ENCODED.values()) + SHAPES
SERVER_LOG = (
    f'2026-11-22 03:00:00 UTC [4711] ERROR:  duplicate key value violates unique constraint "users_email_key" {PASSWORD}',
    f"2026-11-22 03:00:00 UTC [4711] DETAIL:  Key (email)=({SHAPED}) already exists.",
    "2026-11-22 03:00:00 UTC [4711] STATEMENT:  INSERT INTO users (email, name)",
    f"\tVALUES ('{SHAPED}', $$ {GIVEN} $$)",
    f"2026-11-22 03:00:01 UTC [4711] DETAIL:  parameters: $1 = '{SHAPED}', $2 = NULL",
    f"2026-11-22 03:00:01 UTC [4711] LOG:  statement: ALTER ROLE app PASSWORD '{SHAPED}'",
    f"2026-11-22 03:00:01 UTC [4711] LOG:  statement: ALTER ROLE app PASSWORD $${SHAPED}$$",
    f"2026-11-22 03:00:01 UTC [4711] LOG:  CREATE SUBSCRIPTION s CONNECTION 'host=db password={SHAPED}' PUBLICATION p",
    f"2026-11-22 03:00:01 UTC [4711] LOG:  CREATE USER MAPPING FOR app SERVER s OPTIONS (password '{SHAPED}')",
    "2026-11-22 03:00:02 UTC [4712] LOG:  process 4712 still waiting for AccessExclusiveLock on relation 16412",
)
HELM_VALUES = f"coder:\n  env:\n  - name: PG_PASS\n    value: {SHAPED}\n  adminToken: {SHAPED}\n  workspaceName: plain\n"


class Reader:
    """Objects with canaries wherever an object can have one."""

    def objects(self) -> Mapping[str, Callable[[], tuple[SeenObject, ...]]]:
        return {"the Deployment": self._deployment, "the nodes": self._nodes}

    def variables(self) -> tuple[SeenVariable, ...]:
        return (
            SeenVariable(name="EXTRA", value=GIVEN, secret=True),
            SeenVariable(name="DB_USER", value="app", secret=True),
            SeenVariable(name="DB_PORT", value="5432", secret=True),
        )

    def credentials(self) -> tuple[str, ...]:
        return ("ZaunkoenigDerKubeconfig",)

    def _deployment(self) -> tuple[SeenObject, ...]:
        env = [
            {"name": "URL", "value": f"postgres://app:{quote(PASSWORD, safe='')}@db/app"},
            {"name": "PLAIN_LOOKING", "value": SHAPED},
            {"name": "LOG_LEVEL", "value": "debug"},
            {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "app-db", "key": "url"}}},
        ]
        applied = json.dumps({"spec": {"env": env}, "stringData": {"password": SHAPED}})
        args = ["serve", "--db-password", SHAPED, f"--token={SHAPED}", "--port", "8080"]
        data = {
            "kind": "Deployment",
            "metadata": {
                "name": "app",
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": applied,
                    "note": f"ask {SHAPED}@example.com",
                    "values": HELM_VALUES,
                    "kubeconfig": "token: ZaunkoenigDerKubeconfig",
                },
            },
            "spec": {
                "initContainers": [{"name": "wait", "command": ["sh", "-c", f"PGPASSWORD={SHAPED} psql -h db"], "env": env}],
                "containers": [{"name": "app", "image": "registry.example/app:v2.27.8", "args": args, "env": env}],
            },
        }
        return (SeenObject(kind="Deployment", name="app", data=data),)

    def _nodes(self) -> tuple[SeenObject, ...]:
        raise UnreachableError("the API server does not answer", code="LK509")


def poisoned() -> Case:
    """A deployment with a canary in every source of its evidence."""
    healthy = case()
    platform, database = healthy.evidence.platform, healthy.evidence.database
    assert platform.workload is not None
    assert database.looks is not None
    note = RunNote(id="r1", plan_digest="sha256:00", hop=0, holder=f"me {SHAPED}@example.com", plan=_plan())
    annotations = {"lockage.dev/run": msgspec.json.encode(note).decode(), "config": f"password: {SHAPED}"}
    logs = tuple(
        LogText(replica=name, container="app", lines=LINES, previous=previous)
        for name in names(2)
        for previous in (False, True)
    )
    event = Event(
        at=NOW, kind="Warning", reason="Unhealthy", subject=f"Pod/{names(1)[0]}",
        text=f'Liveness probe failed: Get "http://u:{SHAPED}@10.0.0.12:8080/": {PASSWORD} {b64(PASSWORD, 1)}',
    )  # fmt: skip
    sessions = tuple(
        replace(one, query=f"UPDATE users SET token = '{SHAPED}', ssn = 123456789, k = $x${SHAPED}$x$ WHERE pw = '{GIVEN}'")
        for one in database.looks[-1].sessions
    )
    looks = tuple(replace(look, sessions=sessions) for look in database.looks)
    return replace(
        healthy,
        evidence=replace(
            healthy.evidence,
            platform=replace(
                platform,
                workload=replace(platform.workload, annotations=annotations),
                logs=logs,
                events=(*(platform.events or ()), event),
            ),
            database=replace(
                database,
                looks=looks,
                owned=None,
                server_log=SERVER_LOG,
                trouble=Trouble(text=f'connection to "postgres://app:{PASSWORD}@db/app" failed: no password', sqlstate=None),
            ),
            missing=(Missing(source="the quotas", why=f"refused to {SHAPED}@example.com"),),
        ),
        script=(MigrationText(version=1, name="one", text=f"CREATE ROLE x PASSWORD '{SHAPED}'; SELECT '{GIVEN}';"),),
    )


def _plan() -> Any:
    made = plan_of(hop("1.0.0", "1.1.0", Strategy.SCALE_TO_ONE))
    return msgspec.structs.replace(made, deployment="app", warnings=(f"postgres://app:{SHAPED}@db/app is slow", PASSWORD))


def journals() -> MemoryJournals:
    kept = MemoryJournals()
    with kept.create("app", run_id="20261122T030000-app") as journal:
        data = msgspec.json.encode(_plan())
        journal.append(JournalEntry(at=NOW, kind="plan", hop=-1, step="", text=f"route, {PASSWORD}", data=data))
        query = json.dumps({"query": f"SELECT '{SHAPED}'", "blocker": {"password": SHAPED}})
        text = f"blocked by SELECT * FROM t WHERE a = '{SHAPED}'"
        journal.append(JournalEntry(at=NOW, kind="saw", hop=0, step="guard", text=text, data=query.encode()))
    return kept


def judge(of: Case) -> Any:
    return diagnose(of, causes=causes(), rules=RULES)


def ingredients(of: Case | None = None, **changes: Any) -> Ingredients:
    given = Ingredients(
        case=of or poisoned(),
        judge=judge,
        reader=Reader,
        journals=journals(),
        schema=lambda: (
            f"CREATE FUNCTION f() RETURNS text AS $$ SELECT '{SHAPED}' $$ LANGUAGE sql;\n"
            f"CREATE USER MAPPING FOR app SERVER s OPTIONS (\"user\" 'u', password '{SHAPED}');\n"
            f"CREATE SUBSCRIPTION s CONNECTION 'host=db password={SHAPED}' PUBLICATION p;\n"
            f"CREATE TABLE public.t (id bigint DEFAULT nextval('public.t_id_seq'::regclass), k text DEFAULT '{GIVEN}');\n"
            f"COMMENT ON TABLE public.t IS 'ask for {SHAPED}';\n"
            f"CREATE VIEW public.v AS SELECT $${SHAPED}$$ AS k, 'x {SHAPED}'::text AS l;\n"
            "CREATE TYPE public.state AS ENUM (\n    'pending',\n    'done'\n);\n"
        ),
        addresses=(f"postgres://app:{quote(PASSWORD, safe='')}@db/app",),
        key=b"k" * 32,
        ip_addresses=True,
        made_by=Tool(lockage="0", python="3", system="linux"),
        began_at=NOW,
        began_s=0.0,
        clock=FakeClock(),
    )
    return replace(given, **changes)


class Hurried(FakeClock):
    """Threads of looks run by themselves; waiting for them is real, and short."""

    def sleep(self, seconds: float) -> None:
        import time

        time.sleep(min(seconds, 0.005))


def made(of: Case | None = None, **changes: Any) -> Made:
    masker = changes.pop("masker", None)
    return make_bundle(ingredients(of, clock=Hurried(), **changes), masker=masker)


def unpacked(bundle: Made, folder: Path) -> dict[str, bytes]:
    file = folder / "b.tar.gz"
    write_bundle(file, bundle.files, folder="b", at=NOW)
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(file.read_bytes()))) as archive:
        return {
            member.name.removeprefix("b/"): stream.read()
            for member in archive
            if (stream := archive.extractfile(member)) is not None
        }


def readings(content: bytes) -> Iterator[str]:
    """A file as it is, with escapes undone, decoded as a URL, and every run of base64 and hexadecimal in it decoded."""
    text = content.decode()
    for one in (text, text.replace("\\", ""), unquote(text), unquote(text.replace("\\", "")), re.sub(r"\s", "", text)):
        yield one
        for run in re.findall(r"[A-Za-z0-9+/_-]{10,}", one):
            for offset in range(4):
                part = run[offset:].replace("-", "+").replace("_", "/")
                part = part[: len(part) - 1] if len(part) % 4 == 1 else part
                yield base64.b64decode(part + "=" * (-len(part) % 4)).decode(errors="replace")
        for run in re.findall(r"(?:[0-9a-fA-F]{2}){5,}", one):
            yield bytes.fromhex(run).decode(errors="replace")


CANARIES = (
    PASSWORD, PASSWORD.replace("\\", ""), GIVEN, SHAPED, "Kanarie", "ZaunkoenigDerKubeconfig", JWT[-12:], "S2FuYXJpZTd2",
    "123456789",
    quote(PASSWORD, safe=""), PASSWORD.replace("'", "''"),
)  # fmt: skip
