"""``lockage diagnose`` as it is typed, against servers that are crowded, deaf, or refuse."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.crowded_api import NAMESPACE, CrowdedApi, crowded_api, write_kubeconfig

pytestmark = pytest.mark.real

LIMIT_S = 10.0
"""What a person waits for a diagnosis. Source: the promise of ``lockage diagnose``."""

BUSY_LIMIT_S = 30.0
"""The same where other tests take most of the machine. On a machine of its own the promise is kept by the seconds of computing
below: what is waited for is bounded by the program, whatever the machine does."""

COMPUTED_S = 5.0
"""Seconds of computing, start and judging included: half of the promise, the other half being for what is slow to answer."""


@dataclass(kw_only=True)
class Told:
    """What came of a command."""

    code: int
    out: str
    err: str
    took_s: float
    computed_s: float

    @property
    def in_time(self) -> bool:
        """Whether a person with a machine of their own had it in time."""
        collected_s = self.diagnosis["collected_s"] if self.out else 0.0
        return collected_s <= LIMIT_S and self.took_s < BUSY_LIMIT_S and self.computed_s < COMPUTED_S

    @property
    def diagnosis(self) -> dict[str, Any]:
        return json.loads(self.out)

    def missing(self) -> dict[str, str]:
        return {each["source"]: each["why"] for each in self.diagnosis["missing"]}


@pytest.fixture
def diagnose(tmp_path: Path) -> Callable[..., Told]:
    """Runs ``lockage diagnose …`` in a process of its own, which must end whatever hangs in it."""

    def told(*arguments: str) -> Told:
        begun_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [str(Path(sys.executable).with_name("lockage")), "diagnose", *arguments],
            env={**os.environ, "LOCKAGE_HOME": str(tmp_path / "home")},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        took_s, after = time.monotonic() - begun_s, resource.getrusage(resource.RUSAGE_CHILDREN)
        computed_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Told(code=done.returncode, out=done.stdout, err=done.stderr, took_s=took_s, computed_s=computed_s)

    return told


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port where somebody accepts every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[CrowdedApi]:
    """A deployment of 200 pods."""
    with crowded_api(tmp_path, pods=200) as api:
        yield api


def named(api: CrowdedApi, *more: str) -> list[str]:
    return ["shop", "-n", NAMESPACE, "--kubeconfig", str(api.kubeconfig), "--profile", "towpath", *more]


def test_200_pods_and_a_deaf_database_cost_no_more_than_the_limit(
    crowd: CrowdedApi, deaf_port: int, diagnose: Callable[..., Told], tmp_path: Path
) -> None:
    saved = tmp_path / "evidence.json"
    url = f"postgresql://shop@127.0.0.1:{deaf_port}/shop"
    told = diagnose(*named(crowd, "--database", url, "--json", "--save", str(saved)))
    assert told.in_time, told
    assert told.code == 5, told.err
    evidence = json.loads(saved.read_text())
    assert len(evidence["platform"]["details"]) == len(evidence["platform"]["replicas"]) == 200
    assert len(evidence["platform"]["events"]) == 200
    assert evidence["database"]["trouble"]["text"]
    assert "the database" in told.missing()
    left_out = [source for source in told.missing() if source.endswith("further logs")]
    assert left_out == ["120 further logs"]
    read = {(log["replica"], log["previous"]) for log in evidence["platform"]["logs"]}
    assert {(f"shop-abc-{number:04}", True) for number in range(3)} <= read  # those that crash
    assert {len(log["lines"]) for log in evidence["platform"]["logs"] if log["previous"]} == {2000}


def test_only_reads_are_asked_for(crowd: CrowdedApi, deaf_port: int, diagnose: Callable[..., Told]) -> None:
    diagnose(*named(crowd, "--database", f"postgresql://shop@127.0.0.1:{deaf_port}/shop", "--json"))
    assert {method for method, _ in crowd.asked} == {"GET"}
    assert not [path for _, path in crowd.asked if path.endswith(("/exec", "/portforward", "/attach"))]


def test_a_deaf_api_server_costs_no_more_than_the_limit(deaf_port: int, diagnose: Callable[..., Told], tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{deaf_port}")
    told = diagnose("shop", "-n", NAMESPACE, "--kubeconfig", str(tmp_path / "kubeconfig"))
    assert told.in_time, told
    assert told.code == 3
    assert "LK606" in told.err


def test_a_server_that_falls_silent_after_the_workload_was_found_is_named(
    crowd: CrowdedApi, deaf_port: int, diagnose: Callable[..., Told]
) -> None:
    crowd.deaf = ("/pods", "/events", "/log")
    told = diagnose(*named(crowd, "--database", f"postgresql://shop@127.0.0.1:{deaf_port}/shop", "--json"))
    assert told.in_time, told
    missing = told.missing()
    assert "no answer" in missing["the replicas' containers"]
    assert "no answer" in missing["the events"]
    assert "the nodes" not in missing


def test_what_may_not_be_read_is_named_with_the_right_that_lacks(
    crowd: CrowdedApi, deaf_port: int, diagnose: Callable[..., Told]
) -> None:
    crowd.refused = ("/events", "/nodes", "/log", "/secrets")
    told = diagnose(*named(crowd, "--database", f"postgresql://shop@127.0.0.1:{deaf_port}/shop", "--json"))
    missing = told.missing()
    assert "may not list events" in missing["the events"]
    assert "may not list nodes" in missing["the nodes"]
    assert [why for source, why in missing.items() if "logs" in source and "may not" in why]


def test_an_application_that_nobody_has_described_is_found_by_its_namespace(
    deaf_port: int, diagnose: Callable[..., Told], tmp_path: Path
) -> None:
    url = f"postgresql://shop@127.0.0.1:{deaf_port}/shop"
    with crowded_api(tmp_path, pods=3, image="registry.example/nobody-knows:1.0.0") as api:
        where = ("-n", NAMESPACE, "--kubeconfig", str(api.kubeconfig), "--database", url)
        told = diagnose(*where, "--json", "--save", str(tmp_path / "evidence.json"))
    assert told.code == 5, told.err
    assert "no profile fits Deployment/shop" in told.err
    assert told.diagnosis["deployment"] == NAMESPACE
    saved = json.loads((tmp_path / "evidence.json").read_text())
    assert not saved["known"]
    assert saved["profile"]["database"]["url_env"] == "TOWPATH_PG_CONNECTION_URL"


def test_migrations_that_nobody_has_described_are_read_from_their_folder_and_a_schema_that_is_not_seen_is_named(
    deaf_port: int, diagnose: Callable[..., Told], tmp_path: Path
) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "0001_create_fares.up.sql").write_text("create table fares (id int)")
    url = f"postgresql://shop@127.0.0.1:{deaf_port}/shop"
    with crowded_api(tmp_path, pods=3, image="registry.example/nobody-knows:1.0.0") as api:
        where = ("-n", NAMESPACE, "--kubeconfig", str(api.kubeconfig), "--database", url)
        told = diagnose(*where, "--migrations", "sql", "--catalog", "--json", "--save", str(tmp_path / "evidence.json"))
    assert told.in_time, told
    saved = json.loads((tmp_path / "evidence.json").read_text())
    assert [one["name"] for one in saved["script"]] == ["create_fares"]
    assert saved["database"]["drift"] is None
    assert "the schema beside the one that a clean run makes" in told.missing()


def test_a_password_of_a_variable_is_in_nothing_that_is_written(
    crowd: CrowdedApi, diagnose: Callable[..., Told], tmp_path: Path
) -> None:
    told = diagnose(
        *named(crowd, "--database", "postgresql://shop:geheimes-wort@127.0.0.1:1/shop", "--save", str(tmp_path / "e"))
    )
    assert "geheimes-wort" not in told.out + told.err + (tmp_path / "e").read_text()


def test_for_people_it_names_the_cause_and_the_next_command_first(crowd: CrowdedApi, diagnose: Callable[..., Told]) -> None:
    told = diagnose(*named(crowd, "--database", "postgresql://shop@127.0.0.1:1/shop"))
    lines = told.out.splitlines()
    assert lines[0].startswith("shop on ")
    first = next(index for index, line in enumerate(lines) if line.startswith("1."))
    assert "next " in "\n".join(lines[first : first + 12])
    assert lines[-1].endswith("nothing was changed.")
    assert "LK603" in told.err


def test_the_same_evidence_gives_the_same_answer_on_another_machine(
    crowd: CrowdedApi, deaf_port: int, diagnose: Callable[..., Told], tmp_path: Path
) -> None:
    saved = tmp_path / "evidence.json"
    url = f"postgresql://shop@127.0.0.1:{deaf_port}/shop"
    here = diagnose(*named(crowd, "--database", url, "--json", "--save", str(saved)))
    there = diagnose("--from", str(saved), "--json")
    assert there.diagnosis == here.diagnosis
    assert there.code == here.code
    assert there.in_time
    assert saved.stat().st_mode & 0o077 == 0


def test_a_file_without_evidence_is_said_to_be_one(diagnose: Callable[..., Told], tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    assert "LK602" in diagnose("--from", str(tmp_path / "x.json")).err
    assert "LK601" in diagnose("--from", str(tmp_path / "y.json")).err
    assert "LK605" in diagnose().err
