"""Show 4: canaries planted in every source and every encoding; none is in the bundle, and the second look catches a leak."""

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
import pytest

from lockage.adapters.bundle_archive import write_bundle
from lockage.core.bundle.leaks import find_leak
from lockage.core.bundle.manifest import Tool
from lockage.core.bundle.sources import Source
from lockage.core.diagnosis.diagnose import diagnose
from lockage.core.diagnosis.evidence import Evidence, LogText, Missing, Trouble
from lockage.core.diagnosis.findings import Case
from lockage.core.diagnosis.rules import RULES
from lockage.core.facts import Event
from lockage.core.plan.steps import Strategy
from lockage.core.progress import MigrationText, position
from lockage.core.release.profile import Profile
from lockage.core.run import RunNote
from lockage.errors import RefusedError, UnreachableError
from lockage.flows.bundle import Ingredients, Made, make_bundle
from lockage.interfaces.cases import read_case
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
)
LINES = tuple(encoded(secret) for secret in (PASSWORD, GIVEN) for encoded in ENCODED.values()) + SHAPES
SERVER_LOG = (
    f'2026-11-22 03:00:00 UTC [4711] ERROR:  duplicate key value violates unique constraint "users_email_key" {PASSWORD}',
    f"2026-11-22 03:00:00 UTC [4711] DETAIL:  Key (email)=({SHAPED}) already exists.",
    "2026-11-22 03:00:00 UTC [4711] STATEMENT:  INSERT INTO users (email, name)",
    f"\tVALUES ('{SHAPED}', $$ {GIVEN} $$)",
    f"2026-11-22 03:00:01 UTC [4711] DETAIL:  parameters: $1 = '{SHAPED}', $2 = NULL",
    f"2026-11-22 03:00:01 UTC [4711] LOG:  statement: ALTER ROLE app PASSWORD '{SHAPED}'",
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
            "spec": {"containers": [{"name": "app", "image": "registry.example/app:v2.27.8", "args": args, "env": env}]},
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
        replace(one, query=f"UPDATE users SET token = '{SHAPED}', ssn = 123456789 WHERE pw = '{GIVEN}'")
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


def test_no_canary_of_any_source_in_any_encoding_is_in_the_bundle(tmp_path: Path) -> None:
    files = unpacked(made(), tmp_path)
    found = [
        (path, canary, reading[max(0, reading.find(canary) - 60) :][:120])
        for path, content in files.items()
        for reading in readings(content)
        for canary in CANARIES
        if canary in reading
    ]
    assert not found, found[:5]


def test_every_source_is_in_the_bundle_and_listed_with_its_digest(tmp_path: Path) -> None:
    import hashlib

    bundle = made()
    files = unpacked(bundle, tmp_path)
    assert not bundle.manifest.dropped
    assert set(files) >= {
        "index.html", "manifest.json", "evidence.json", "diagnosis.json", "profile.json", "migrations.json", "plan.json",
        "forecast.json", "journal.jsonl", "runs.json", "schema.sql", "postgresql.log", "objects/Deployment-app.yaml",
        f"logs/{names(1)[0]}/app.log", f"logs/{names(1)[0]}/app.previous.log",
    }  # fmt: skip
    manifest = json.loads(files["manifest.json"])
    assert manifest["schema"] == "lockage.bundle/1"
    for listed in manifest["files"]:
        content = files[listed["path"]]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (listed["size_bytes"], listed["sha256"])
    assert {one["path"] for one in manifest["files"]} == set(files) - {"manifest.json"}


def test_what_did_not_answer_is_named(tmp_path: Path) -> None:
    manifest = json.loads(unpacked(made(), tmp_path)["manifest.json"])
    assert {"source": "the nodes as YAML", "why": "the API server does not answer"} in manifest["missing"]
    assert manifest["partial"] is True


def test_what_helps_stays_readable(tmp_path: Path) -> None:
    files = {path: content.decode() for path, content in unpacked(made(ip_addresses=False), tmp_path).items()}
    assert "relation 16412" in files["postgresql.log"]
    assert "process 4712 still waiting for AccessExclusiveLock" in files["postgresql.log"]
    assert "INSERT INTO users (email, name)" in files["postgresql.log"]
    deployment = files["objects/Deployment-app.yaml"]
    assert "registry.example/app:v2.27.8" in deployment
    assert "name: app-db" in deployment
    assert "name: FROM_SECRET" in deployment
    assert "value: debug" in deployment
    assert "workspaceName: plain" in deployment
    assert "UPDATE users SET token = '" in files["evidence.json"]
    assert "nextval('public.t_id_seq'::regclass)" in files["schema.sql"]
    assert "'pending'" in files["schema.sql"]


def test_the_same_secret_has_the_same_token_in_every_file(tmp_path: Path) -> None:
    files = unpacked(made(), tmp_path)
    log = files[f"logs/{names(1)[0]}/app.log"].decode()
    token = re.search(r"app:(\[password-\w+\])@db.example", log)
    assert token is not None
    assert token[1] in files["objects/Deployment-app.yaml"].decode()
    assert token[1] in files["plan.json"].decode()


def test_another_bundle_has_other_tokens(tmp_path: Path) -> None:
    tokens = [set(re.findall(rb"\[password-\w+\]", unpacked(made(key=key), tmp_path)["evidence.json"])) for key in (b"1", b"2")]
    assert tokens[0]
    assert not tokens[0] & tokens[1]


class Broken:
    """A first pass that masks nothing in one source, and everything that is known in the others."""

    def __init__(self, broken: str) -> None:
        from lockage.core.bundle.packing import Redacting
        from lockage.core.redaction.finds import Kind
        from lockage.core.redaction.redaction import Redaction

        known = dict.fromkeys((PASSWORD, GIVEN), Kind.PASSWORD)
        self._broken, self._real = broken, Redacting(Redaction(key=b"k", known=known, addresses=True))
        self.seen = (PASSWORD, GIVEN)

    def learn(self, source: Source) -> None:
        self._real.learn(source)

    def masked(self, source: Source) -> Any:
        return source.data if source.path == self._broken else self._real.masked(source)


@pytest.mark.parametrize(
    "path", ["postgresql.log", f"logs/{names(1)[0]}/app.log", "evidence.json", "objects/Deployment-app.yaml", "journal.jsonl"]
)
def test_the_second_look_drops_the_source_that_a_broken_first_pass_lets_through(tmp_path: Path, path: str) -> None:
    bundle = made(masker=Broken(path))
    files = unpacked(bundle, tmp_path)
    assert [one.path for one in bundle.manifest.dropped if one.path != "diagnosis.json"] == [path]
    assert path not in files
    assert "second look found" in bundle.manifest.dropped[0].why
    assert bundle.manifest.partial
    assert len(files) > 10
    assert not [name for name, content in files.items() for canary in (PASSWORD, GIVEN, SHAPED) if canary in content.decode()]


@pytest.mark.parametrize("encoded", ENCODED.values(), ids=ENCODED.keys())
def test_the_second_look_sees_every_encoding(encoded: Callable[[str], str]) -> None:
    for secret in (PASSWORD, GIVEN):
        assert find_leak(f"before\n{encoded(secret)}\nafter", {secret}) is not None
        assert find_leak(f"before\n{encoded('something else')}\nafter", {secret}) is None


@pytest.mark.parametrize(
    "text", [JWT, PEM, json.dumps(PEM), b64(PEM), f"postgres://u:{SHAPED}@h/d", quote(f"amqp://u:{SHAPED}@h")]
)
def test_the_second_look_sees_shapes_that_nobody_has_named(text: str) -> None:
    assert find_leak(f"x {text} y", ()) is not None


def test_a_bundle_judged_elsewhere_gives_the_same_diagnosis(tmp_path: Path) -> None:
    bundle = made()
    file = tmp_path / "b.tar.gz"
    write_bundle(file, bundle.files, folder="b", at=NOW)
    here = json.loads(dict(bundle.files)["diagnosis.json"])
    there = json.loads(msgspec.json.encode(judge(read_case(file))))
    assert there == here


def test_a_log_that_is_too_long_keeps_its_newest_lines_and_says_what_was_cut(tmp_path: Path) -> None:
    healthy = case()
    lines = tuple(f"line {number} of the log" for number in range(1000))
    logs = (LogText(replica="app-x", container="app", lines=lines),)
    of = replace(healthy, evidence=replace(healthy.evidence, platform=replace(healthy.evidence.platform, logs=logs)))
    small = replace(ingredients().settings, log_bytes=2000)
    bundle = made(of, settings=small)
    log = unpacked(bundle, tmp_path)["logs/app-x/app.log"].decode().splitlines()
    assert log[-1] == "line 999 of the log"
    assert len(log) <= 100
    cut = next(one.cut for one in bundle.manifest.files if one.path == "logs/app-x/app.log")
    assert cut == f"the oldest {1000 - len(log)} of 1000 lines were left out"


def test_a_bundle_of_nothing_but_our_own_records_is_still_one(tmp_path: Path) -> None:
    def deaf() -> Any:
        raise UnreachableError("the API server does not answer", code="LK509")

    blind = Evidence(at=NOW, deployment="app", platform_kind="kubernetes", missing=(Missing(source="all", why="deaf"),))
    files = unpacked(made(replace(case(), evidence=blind), reader=deaf, schema=None), tmp_path)
    assert {"index.html", "evidence.json", "plan.json", "journal.jsonl"} <= set(files)


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError) as refused:
        write_bundle(tmp_path / "file" / "b.tar.gz", (("x", b""),), folder="b", at=NOW)
    assert refused.value.code == "LK620"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_running_migration_is_still_found_in_the_masked_script(tmp_path: Path) -> None:
    text = "UPDATE users SET kind = 'a secret', n = 1234567 -- it's slow\nWHERE email LIKE '%@example.com';\nSELECT 'x';"
    migration = MigrationText(version=13, name="kinds", text=text)
    healthy = case()
    assert healthy.evidence.database.looks is not None
    first = healthy.evidence.database.looks[-1]
    cut = tuple(replace(one, query=text[:60], state="active") for one in first.sessions)
    database = replace(healthy.evidence.database, looks=(replace(first, sessions=cut),))
    of = replace(healthy, evidence=replace(healthy.evidence, database=database), script=(migration,))
    write_bundle(tmp_path / "b.tar.gz", made(of).files, folder="b", at=NOW)
    there = read_case(tmp_path / "b.tar.gz")
    assert there.evidence.database.looks is not None
    for session in there.evidence.database.looks[0].sessions:
        assert "secret" not in session.query
        assert position(session, there.script) is not None


def test_a_profile_keeps_names_of_variables_and_loses_its_tokens(tmp_path: Path) -> None:
    profile = msgspec.to_builtins(case().profile)
    profile["database"] |= {"parts": {"host": "PGHOST", "user": "PGUSER", "database": "PGDATABASE", "password": "PGPASSWORD"}}
    profile["service"] = {"requests": [{"path": "/x", "headers": {"App-Session-Token": SHAPED}}]}
    of = replace(case(), profile=msgspec.convert(profile, Profile))
    shown = unpacked(made(of), tmp_path)["profile.json"].decode()
    assert '"PGPASSWORD"' in shown
    assert SHAPED not in shown


def test_a_password_of_digits_alone_goes_also_where_yaml_made_a_number_of_it(tmp_path: Path) -> None:
    class Digits(Reader):
        def objects(self) -> Mapping[str, Callable[[], tuple[SeenObject, ...]]]:
            values = {"db": {"password": 73419265, "port": 5432}, "replicas": 3}
            return {"x": lambda: (SeenObject(kind="Values", name="app", data=values),)}

    files = unpacked(made(reader=Digits), tmp_path)
    assert b"73419265" not in b"".join(files.values())
    assert b"port: 5432" in files["objects/Values-app.yaml"]


def test_a_short_secret_drops_nothing_that_only_has_it_in_a_longer_word() -> None:
    assert find_leak("compass1ng by 123456789", {"pass1", "345678"}) is None
    assert find_leak("with pass1 refused", {"pass1"}) is not None
    assert find_leak("with 345678, refused", {"345678"}) is not None
