"""Show 4: canaries planted in every source and every encoding; none is in the bundle, and the second look catches a leak."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from lockage.core.bundle.sources import Source
from lockage.core.redaction.redaction import Redaction
from lockage.core.release.profile import Profile
from lockage.flows.bundle import learn_secrets
from lockage.interfaces.cases import save_case
from lockage.interfaces.diagnosing import without_secrets
from lockage.ports.objects import SeenObject
from support.cases import case, names
from support.poisoned import (
    CANARIES,
    GIVEN,
    PASSWORD,
    SHAPED,
    Hurried,
    Reader,
    made,
    poisoned,
    readings,
    unpacked,
)


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


def test_no_canary_is_in_the_evidence_that_a_diagnosis_saves(tmp_path: Path) -> None:
    def teach(redaction: Redaction) -> None:
        address = f"postgres://app:{quote(PASSWORD, safe='')}@db/app"
        learn_secrets(redaction, addresses=(address,), secrets=(), reader=Reader, clock=Hurried(), limit_s=5.0)

    file = tmp_path / "evidence.json"
    save_case(poisoned(), file, masked=without_secrets(poisoned(), teach=teach))
    found = [canary for reading in readings(file.read_bytes()) for canary in CANARIES if canary in reading]
    assert not found, found[:5]
