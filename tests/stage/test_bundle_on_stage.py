"""``lockage bundle`` on a real deployment: with everything up, with the database down, with the platform down."""

from __future__ import annotations

import base64
import json
import tarfile
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from lockage.adapters.postgres import embedded
from support.on_stage import OnStage, what_is_asked_for

pytestmark = [pytest.mark.real, pytest.mark.slow]

CANARY = "Kanarienvogel-im-Statement"


def unpacked(file: Path) -> dict[str, bytes]:
    with tarfile.open(file, "r:gz") as archive:
        return {
            member.name.partition("/")[2]: stream.read()
            for member in archive
            if (stream := archive.extractfile(member)) is not None
        }


def bundled(on_stage: OnStage, tmp_path: Path, *flags: str) -> dict[str, bytes]:
    """A bundle's files; the command ends well, and its answer is the manifest."""
    file = tmp_path / "b.tar.gz"
    done = on_stage.lockage("bundle", "demo", "--output", str(file), "--json", *flags)
    assert done.code == 0, done.err
    files = unpacked(file)
    assert json.loads(done.out)["manifest"] == json.loads(files["manifest.json"])
    assert not json.loads(files["manifest.json"])["dropped"]
    return files


def secrets_of(on_stage: OnStage) -> tuple[str, ...]:
    password = urlsplit(on_stage.stage.application_url).password
    assert password
    return (password, quote(password, safe=""), base64.b64encode(password.encode()).decode().rstrip("=")[:-1], CANARY)


def test_a_bundle_of_a_healthy_deployment_has_everything_but_secrets(on_stage: OnStage, tmp_path: Path) -> None:
    on_stage.put_back()
    before = what_is_asked_for(on_stage)
    with on_stage.session("somebody/else") as connection:
        connection.execute(
            f"select count(*) from api_keys where id::text = '{CANARY}' or id::text = '{on_stage.stage.application_url}'"
        )
        files = bundled(on_stage, tmp_path, "--schema")
    assert what_is_asked_for(on_stage) == before
    found = [(path, secret) for path, content in files.items() for secret in secrets_of(on_stage) if secret.encode() in content]
    assert not found
    assert b"select count(*) from api_keys where id::text = '[" in files["evidence.json"]
    assert b"CREATE TABLE public.api_keys" in files["schema.sql"]
    assert b"[password-" in files["objects/Deployment-towpath.yaml"]
    file = tmp_path / "b.tar.gz"
    there = on_stage.lockage("diagnose", "--from", str(file), "--json")
    assert json.loads(there.out) == json.loads(files["diagnosis.json"])


def test_a_bundle_compares_the_schema_where_it_is_asked_to(on_stage: OnStage, tmp_path: Path) -> None:
    on_stage.put_back()
    [(definition,)] = on_stage.ask("select pg_get_indexdef('idx_api_keys_user'::regclass)")
    with on_stage.session("somebody/else", autocommit=True) as connection:
        connection.execute("drop index idx_api_keys_user")
    try:
        findings = json.loads(bundled(on_stage, tmp_path, "--catalog")["diagnosis.json"])["findings"]
    finally:
        with on_stage.session("somebody/else", autocommit=True) as connection:
            connection.execute(definition.encode())
    [found] = [finding for finding in findings if finding["code"] == "F064"]
    assert "idx_api_keys_user" in found["cause"]


def test_a_bundle_with_the_database_down_says_so(on_stage: OnStage, tmp_path: Path) -> None:
    on_stage.put_back()
    embedded.stop(Path(on_stage.stage.data_dir), mode="fast")
    try:
        files = bundled(on_stage, tmp_path)
    finally:
        on_stage.start_database()
    evidence = json.loads(files["evidence.json"])
    assert evidence["database"]["trouble"] is not None
    assert evidence["platform"]["workload"]["release"] == "2.26.0"
    assert any(path.startswith("logs/") for path in files)
    assert not [path for path, content in files.items() for secret in secrets_of(on_stage) if secret.encode() in content]


def test_a_bundle_with_the_platform_down_is_still_one(on_stage: OnStage, tmp_path: Path) -> None:
    on_stage.put_back()
    on_stage.kill_supervisor()
    files = bundled(on_stage, tmp_path)
    manifest = json.loads(files["manifest.json"])
    assert manifest["partial"]
    assert manifest["missing"]
    assert b"towpath" in files["objects/Deployment-towpath.yaml"]  # the document lies on the disk
    assert not [path for path, content in files.items() for secret in secrets_of(on_stage) if secret.encode() in content]
    on_stage.put_back()
