"""What a bundle holds, what it says that it lacks, and what it gives elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lockage.adapters.bundle_archive import write_bundle
from lockage.core.diagnosis.evidence import Evidence, LogText, Missing
from lockage.core.progress import MigrationText, position
from lockage.errors import RefusedError, UnreachableError
from lockage.interfaces.cases import read_case
from support.cases import NOW, case, names
from support.poisoned import (
    ingredients,
    judge,
    made,
    unpacked,
)


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
