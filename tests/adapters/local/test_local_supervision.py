"""Crashes and ends: of supervisors, fronts and replicas."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from lockage.adapters.local import processes
from lockage.adapters.local.client import ensure_supervisor
from lockage.adapters.local.deployment import create, destroy
from lockage.adapters.local.layout import MARKER, Layout
from lockage.adapters.local.platform import LocalPlatform
from lockage.adapters.local.records import UpdateStrategy
from lockage.adapters.local.store import load_state, read_holder
from lockage.adapters.local.supervisor import ALREADY_RUNS
from lockage.core.facts import Endpoint, Exit, Probe, ReplicaPhase, UpdateKind
from lockage.errors import RefusedError, UnreachableError, UsageError
from lockage.ports import Rollout
from ports.platform_suite import SLEEPY, settled
from support.local_scene import LocalScene
from support.steady_requests import get, steady_requests

pytestmark = pytest.mark.real

SLACK_S = 1.0
"""What a machine that is busy with other tests may add to a time."""


def supervisor_pid(scene: LocalScene) -> int:
    pid = read_holder(Layout.of(scene.state_dir).lock_file)
    assert pid is not None
    return pid


def kill_supervisor(scene: LocalScene) -> None:
    pid = supervisor_pid(scene)
    os.kill(pid, signal.SIGKILL)
    assert scene.eventually(lambda: processes.creation_time(pid) is None)


def pid_by_replica(scene: LocalScene) -> dict[str, int | None]:
    return {replica.name: replica.pid for replica in load_state(Layout.of(scene.state_dir)).replicas}


def exit_of(platform: LocalPlatform, name: str) -> Exit | None:
    return next(replica.last_exit for replica in platform.replicas() if replica.name == name)


def reasons(platform: LocalPlatform, replica: str) -> list[str]:
    return [event.reason for event in platform.events() if event.subject == f"Pod/{replica}"]


# --- the supervisor dies ----------------------------------------------------------------------------------------------


def test_a_new_supervisor_adopts_what_runs_and_users_notice_nothing(scene: LocalScene) -> None:
    platform = scene.open(replicas=2)
    before, pids, url = platform.replicas(), pid_by_replica(scene), platform.service_url()
    with steady_requests(url) as outcome:
        kill_supervisor(scene)
        assert outcome.requests >= 0
        assert get(url)["release"] == scene.first  # the front goes on alone
        assert platform.replicas() == before  # this call started the new supervisor
        assert scene.eventually(lambda: outcome.answered.total() > 20)
    assert outcome.failures == []
    assert (pid_by_replica(scene), platform.service_url()) == (pids, url)


def test_a_replica_that_ended_without_a_supervisor_is_started_again_with_an_unknown_exit(scene: LocalScene) -> None:
    platform = scene.open(replicas=1)
    (name,) = pid_by_replica(scene)
    pid = pid_by_replica(scene)[name]
    assert pid is not None
    kill_supervisor(scene)
    os.kill(pid, signal.SIGKILL)
    assert scene.eventually(lambda: processes.creation_time(pid) is None)
    assert scene.eventually(lambda: settled(platform, scene.first, 1))
    (replica,) = platform.replicas()
    assert (replica.name, replica.restarts) == (name, 1)
    assert replica.last_exit is not None
    assert replica.last_exit.reason == "Unknown"


def test_an_adopted_replica_is_still_probed_scaled_and_ended(scene: LocalScene) -> None:
    platform = scene.open(replicas=2)
    kill_supervisor(scene)
    platform.scale(0)
    assert scene.eventually(lambda: platform.replicas() == ())
    platform.scale(1)
    assert scene.eventually(lambda: settled(platform, scene.first, 1))


def test_an_end_that_had_begun_is_brought_to_its_end_by_the_next_supervisor(scene: LocalScene) -> None:
    scene.cling(scene.first)
    platform = scene.open(replicas=1)
    platform.scale(0)
    kill_supervisor(scene)
    (replica,) = platform.replicas()
    assert replica.phase is ReplicaPhase.TERMINATING
    assert scene.eventually(lambda: platform.replicas() == ())


def test_a_process_that_was_not_written_down_is_found_by_its_mark(scene: LocalScene) -> None:
    platform = scene.open(replicas=1)
    pids = pid_by_replica(scene)
    kill_supervisor(scene)
    # As if it had been killed between starting the process and writing its pid.
    file = Layout.of(scene.state_dir).state_file
    document = json.loads(file.read_text())
    document["replicas"][0].update(pid=None, process_created_at=None, started_at=None, phase="pending", ready=False)
    file.write_text(json.dumps(document))
    assert scene.eventually(lambda: settled(platform, scene.first, 1))
    assert pid_by_replica(scene) == pids
    assert platform.replicas()[0].restarts == 0


def test_a_front_that_was_not_written_down_is_found_by_its_mark(scene: LocalScene) -> None:
    platform = scene.open(replicas=1)
    file = Layout.of(scene.state_dir).state_file
    kill_supervisor(scene)
    document = json.loads(file.read_text())
    pid = document["front"]["pid"]
    document["front"].update(pid=None, process_created_at=None)
    file.write_text(json.dumps(document))
    platform.scale(2)
    assert scene.eventually(lambda: settled(platform, scene.first, 2))
    assert load_state(Layout.of(scene.state_dir)).front.pid == pid
    served = {str(get(platform.service_url())["replica"]) for _ in range(4)}
    assert served == {replica.name for replica in platform.replicas()}


def progress(platform: LocalPlatform) -> list[tuple[str, ReplicaPhase, bool]]:
    """What an update changes, step by step."""
    return [(replica.name, replica.phase, replica.ready) for replica in platform.replicas()]


def test_an_update_comes_to_its_end_however_often_the_supervisor_dies(scene: LocalScene) -> None:
    platform = scene.open(replicas=3)
    deaths = 0
    with steady_requests(platform.service_url(), per_s=50.0) as outcome:
        platform.roll_out(Rollout(release=scene.second, replicas=3, liveness=SLEEPY))
        while not settled(platform, scene.second, 3):
            assert deaths < 30
            kill_supervisor(scene)
            deaths += 1
            seen = progress(platform)
            assert len(platform.replicas()) >= 3
            # Each one lives until it has done something: nobody gets anywhere who is killed in every quarter of a second.
            scene.eventually(lambda seen=seen: progress(platform) != seen or settled(platform, scene.second, 3))
    assert outcome.failures == []
    assert deaths > 1
    marked = {process.pid for process in processes.marked_processes(MARKER, Layout.of(scene.state_dir).digest)}
    front = load_state(Layout.of(scene.state_dir)).front.pid
    assert marked == {front, *pid_by_replica(scene).values()}


def test_annotations_and_lease_outlive_the_supervisor(scene: LocalScene) -> None:
    platform = scene.open(replicas=0)
    platform.annotate({"lockage.dev/run": "x"}, expected=platform.workload().resource_version)
    platform.hold_lease(holder="a", run_id="1", duration_s=60.0)
    before = platform.workload(), platform.lease()
    kill_supervisor(scene)
    assert (platform.workload(), platform.lease()) == before


def test_two_supervisors_cannot_run_at_once(scene: LocalScene) -> None:
    scene.open(replicas=0)
    first = supervisor_pid(scene)
    command = [sys.executable, "-m", "lockage.adapters.local.supervisor", str(scene.state_dir)]
    assert subprocess.run(command, check=False).returncode == ALREADY_RUNS
    assert supervisor_pid(scene) == first


def test_many_commands_at_once_start_one_supervisor(scene: LocalScene) -> None:
    scene.open(replicas=1)
    kill_supervisor(scene)
    code = "import sys, pathlib, lockage.adapters.local.client as c; c.ensure_supervisor(pathlib.Path(sys.argv[1]))"
    commands = [subprocess.Popen([sys.executable, "-c", code, str(scene.state_dir)]) for _ in range(3)]
    assert [command.wait(30) for command in commands] == [0, 0, 0]
    running = [p for p in psutil.process_iter(["cmdline"]) if "lockage.adapters.local.supervisor" in (p.info["cmdline"] or ())]
    assert [p.pid for p in running if str(scene.state_dir) in p.info["cmdline"]] == [supervisor_pid(scene)]


def test_a_supervisor_that_hangs_is_unreachable(scene: LocalScene) -> None:
    scene.open(replicas=0)
    pid = supervisor_pid(scene)
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(UnreachableError) as raised:
            ensure_supervisor(scene.state_dir, limit_s=0.5)
        assert raised.value.code == "LK302"
    finally:
        os.kill(pid, signal.SIGCONT)


# --- the front --------------------------------------------------------------------------------------------------------


def test_a_front_that_dies_comes_back_on_its_port(scene: LocalScene) -> None:
    platform = scene.open(replicas=1)
    front = load_state(Layout.of(scene.state_dir)).front
    assert front.pid is not None
    os.kill(front.pid, signal.SIGKILL)

    def served() -> bool:
        try:
            return get(platform.service_url())["release"] == scene.first
        except (OSError, http.client.HTTPException):
            return False

    assert scene.eventually(lambda: processes.creation_time(front.pid or 0) is None)
    assert scene.eventually(served)


def test_the_front_takes_ready_replicas_in_turn(scene: LocalScene) -> None:
    platform = scene.open(replicas=3)
    asked = [get(platform.service_url())["replica"] for _ in range(9)]
    assert {name: asked.count(name) for name in asked} == {replica.name: 3 for replica in platform.replicas()}


def test_without_a_ready_replica_a_connection_is_reset_at_once(scene: LocalScene) -> None:
    scene.hang(scene.first)
    platform = scene.create(replicas=1)
    assert scene.eventually(lambda: any(replica.started_at for replica in platform.replicas()))
    began = time.monotonic()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        get(platform.service_url())
    assert time.monotonic() - began < 0.5


def test_a_replica_that_is_no_longer_ready_gets_no_request(scene: LocalScene) -> None:
    scene.behave(scene.second, hang_if="pause")
    platform = scene.open(replicas=1)
    platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))
    assert scene.eventually(lambda: settled(platform, scene.second, 1))
    (scene.folder / "pause").touch()
    assert scene.eventually(lambda: not platform.replicas()[0].ready)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        get(platform.service_url())
    assert get(platform.replica_url(platform.replicas()[0].name))["release"] == scene.second
    (scene.folder / "pause").unlink()
    assert scene.eventually(lambda: platform.replicas()[0].ready)


def test_the_front_adds_less_than_2_ms(scene: LocalScene) -> None:
    platform = scene.open(replicas=1)
    direct, front = platform.replica_url(platform.replicas()[0].name), platform.service_url()

    def took_s(url: str) -> float:
        began = time.perf_counter()
        get(url)
        return time.perf_counter() - began

    pairs = [(took_s(direct), took_s(front)) for _ in range(200)]
    # The best of many: other work on the machine can only make it slower.
    assert min(through for _, through in pairs) - min(straight for straight, _ in pairs) < 0.002


# --- updates under load -----------------------------------------------------------------------------------------------


def test_a_rolling_update_loses_no_request_and_never_has_too_few_ready(scene: LocalScene) -> None:
    platform = scene.open(replicas=3, liveness=SLEEPY)
    fewest, most = 3, 3
    with steady_requests(platform.service_url()) as outcome:
        platform.roll_out(Rollout(release=scene.second, replicas=3, liveness=SLEEPY))

        def done() -> bool:
            nonlocal fewest, most
            replicas = platform.replicas()
            fewest = min(fewest, sum(replica.ready for replica in replicas))
            most = max(most, sum(replica.phase is not ReplicaPhase.TERMINATING for replica in replicas))
            return settled(platform, scene.second, 3)

        assert scene.eventually(done)
    assert outcome.failures == []
    assert set(outcome.answered) == {scene.first, scene.second}
    assert (fewest, most) == (3, 4)


def test_recreate_lets_no_old_and_new_replica_run_together(scene: LocalScene) -> None:
    scene.cling(scene.first)
    platform = scene.open(replicas=2, grace_s=0.4, update=UpdateStrategy(kind=UpdateKind.RECREATE))
    platform.roll_out(Rollout(release=scene.second, replicas=2, liveness=None))
    together = False

    def done() -> bool:
        nonlocal together
        together |= len({replica.release for replica in platform.replicas()}) > 1
        return settled(platform, scene.second, 2)

    assert scene.eventually(done)
    assert not together
    assert platform.workload().update is UpdateKind.RECREATE


def test_going_back_makes_the_first_revision_current_under_a_new_number(scene: LocalScene) -> None:
    platform = scene.open(replicas=1)
    scene.hang(scene.second)
    platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))
    (old,) = (replica.name for replica in platform.replicas() if replica.release == scene.first)
    platform.roll_out(Rollout(release=scene.first, replicas=1, liveness=None))
    assert platform.workload().revision == 3
    assert scene.eventually(lambda: settled(platform, scene.first, 1))
    assert platform.replicas()[0].name == old


# --- replicas that misbehave ------------------------------------------------------------------------------------------


def test_a_hanging_replica_is_killed_by_its_liveness_probe_and_restarted_in_place(scene: LocalScene) -> None:
    scene.behave(scene.first, hang_if="hang")
    platform = scene.open(replicas=1, liveness=Probe(period_s=0.5, timeout_s=0.5, failure_threshold=2))
    name = platform.replicas()[0].name
    (scene.folder / "hang").touch()
    assert scene.eventually(lambda: platform.replicas()[0].restarts == 1)
    (scene.folder / "hang").unlink()
    assert scene.eventually(lambda: settled(platform, scene.first, 1))
    (replica,) = platform.replicas()
    assert replica.name == name
    assert replica.last_exit is not None
    assert replica.last_exit.reason in {"Completed", "Error"}
    assert {"Scheduled", "Created", "Started", "Unhealthy", "Killing"} <= set(reasons(platform, name))
    texts = {event.text for event in platform.events() if event.reason == "Killing"}
    assert texts == {"Container app failed liveness probe, will be restarted"}
    pid = pid_by_replica(scene)[name]
    assert f"pid {pid}" in platform.log(name)
    assert "SIGTERM" in platform.log(name, previous=True)


def test_the_kill_comes_when_the_kill_budget_is_used_up(scene: LocalScene) -> None:
    scene.hang(scene.first)
    probe = Probe(initial_delay_s=0.3, period_s=0.4, timeout_s=0.2, failure_threshold=3)
    platform = scene.create(replicas=1, liveness=probe)
    assert scene.eventually(lambda: any(event.reason == "Killing" for event in platform.events()))
    killing = next(event for event in platform.events() if event.reason == "Killing")
    started = next(event for event in platform.events() if event.reason == "Started")
    took_s = (killing.at - started.at).total_seconds()
    assert probe.kill_budget_s <= took_s < probe.kill_budget_s + SLACK_S


def test_the_first_restart_is_at_once_and_the_later_ones_back_off(scene: LocalScene) -> None:
    scene.crash(scene.first, 3)
    platform = scene.create(replicas=1, back_off_scale=0.03)
    assert scene.eventually(lambda: bool(platform.replicas()) and platform.replicas()[0].restarts >= 3)
    name = platform.replicas()[0].name
    started = [event.at for event in platform.events() if event.reason == "Started"]
    pauses_s = [(after - before).total_seconds() for before, after in itertools.pairwise(started)]
    assert pauses_s[0] < SLACK_S  # the time of one start
    assert 0.3 <= pauses_s[1] < 0.3 + SLACK_S
    assert 0.6 <= pauses_s[2] < 0.6 + SLACK_S
    assert reasons(platform, name).count("BackOff") == 1  # one event, whose time moves
    assert "ends with 3" in platform.log(name, previous=True)


def test_a_program_that_cannot_be_started_backs_off_and_says_why(scene: LocalScene) -> None:
    platform = scene.create(replicas=1, command=("/nowhere/app",))
    assert scene.eventually(lambda: any(event.reason == "BackOff" for event in platform.events()))
    failed = next(event for event in platform.events() if event.reason == "Failed")
    assert "/nowhere/app" in failed.text
    platform.scale(0)
    assert scene.eventually(lambda: platform.replicas() == ())


def test_a_replica_that_ignores_sigterm_is_killed_when_its_grace_is_over(scene: LocalScene) -> None:
    scene.cling(scene.first)
    platform = scene.open(replicas=1, grace_s=0.6)
    pid = next(iter(pid_by_replica(scene).values()))
    assert pid is not None
    began = time.monotonic()
    platform.scale(0)
    assert scene.eventually(lambda: platform.replicas() == ())
    assert 0.6 <= time.monotonic() - began < 0.6 + SLACK_S
    assert processes.creation_time(pid) is None


def test_the_end_of_a_process_is_noticed_within_50_ms(scene: LocalScene) -> None:
    platform = scene.open(replicas=3)
    noticed_after_s: list[float] = []
    for name, pid in pid_by_replica(scene).items():
        assert pid is not None
        killed_at = time.time()
        os.kill(pid, signal.SIGKILL)
        assert scene.eventually(lambda name=name: exit_of(platform, name) is not None)
        exited = exit_of(platform, name)
        assert exited is not None
        assert (exited.code, exited.reason) == (137, "Error")
        noticed_after_s.append(exited.at.timestamp() - killed_at)
    assert min(noticed_after_s) < 0.05  # the best of three: other work on the machine can only make it slower


def test_connections_to_the_database_port_are_endpoints_of_their_replica(scene: LocalScene) -> None:
    with socket.create_server(("127.0.0.1", 0)) as database, socket.create_server(("127.0.0.1", 0)) as other:
        port = database.getsockname()[1]
        (scene.folder / "connect").write_text(str(port))
        platform = scene.open(replicas=2, database_port=port)
        addresses = set()
        for _ in range(2):
            connection, address = database.accept()
            connection.close()
            addresses.add(Endpoint(address=address[0], port=address[1]))
        replicas = platform.replicas()
        assert [len(replica.endpoints) for replica in replicas] == [1, 1]
        assert {end for replica in replicas for end in replica.endpoints} == addresses
        assert other.getsockname()[1] != port


# --- the beginning and the end ----------------------------------------------------------------------------------------


def test_destroying_leaves_nothing_but_logs(scene: LocalScene) -> None:
    scene.open(replicas=2)
    layout = Layout.of(scene.state_dir)
    ours = {supervisor_pid(scene), load_state(layout).front.pid, *pid_by_replica(scene).values()}
    destroy(scene.state_dir)
    assert [pid for pid in ours if pid is not None and processes.creation_time(pid) is not None] == []
    assert processes.marked_processes(MARKER, layout.digest) == []
    assert not layout.api_socket.exists()
    assert not layout.front_socket.exists()
    assert sorted(path.name for path in scene.state_dir.iterdir()) == ["logs", "supervisor.log"]
    destroy(scene.state_dir, remove_logs=True)
    assert list(scene.state_dir.iterdir()) == []
    with pytest.raises(UsageError) as raised:
        LocalPlatform(scene.state_dir)
    assert raised.value.code == "LK301"


def test_a_deployment_whose_supervisor_is_dead_can_be_destroyed(scene: LocalScene) -> None:
    scene.cling(scene.first)
    scene.open(replicas=1)
    pid = next(iter(pid_by_replica(scene).values()))
    kill_supervisor(scene)
    destroy(scene.state_dir, grace_s=0.2)
    assert pid is not None
    assert processes.creation_time(pid) is None


def test_what_is_wrong_with_a_deployment_is_said_before_anything_is_made(scene: LocalScene) -> None:
    def code_of(**changes: object) -> str:
        with pytest.raises((RefusedError, UsageError)) as raised:
            scene.create(**changes)
        return raised.value.code

    assert code_of(release="9.9.9") == "LK303"
    assert code_of(replicas=-1) == "LK307"
    assert code_of(update=UpdateStrategy(max_surge="many")) == "LK307"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert code_of(front_port=taken.getsockname()[1]) == "LK306"
    assert not Layout.of(scene.state_dir).state_file.exists()


def test_wrong_requests_are_refused_and_change_nothing(scene: LocalScene) -> None:
    platform = scene.open(replicas=0)
    before = platform.workload()
    with pytest.raises(UsageError) as unknown:
        platform.roll_out(Rollout(release="9.9.9", replicas=1, liveness=None))
    with pytest.raises(UsageError) as negative:
        platform.scale(-1)
    with pytest.raises(RefusedError) as no_replica:
        platform.log("nobody")
    with pytest.raises(RefusedError) as twice:
        create(scene.state_dir, scene.spec)
    raised = (unknown.value, negative.value, no_replica.value, twice.value)
    assert [error.code for error in raised] == ["LK303", "LK307", "LK305", "LK304"]
    assert platform.workload() == before


def test_an_idle_supervisor_and_front_use_little_of_a_processor(scene: LocalScene) -> None:
    platform = scene.open(replicas=2, liveness=Probe(period_s=1.0), readiness=Probe(period_s=1.0))
    front = load_state(Layout.of(scene.state_dir)).front.pid
    assert front is not None
    watched = [psutil.Process(supervisor_pid(scene)), psutil.Process(front)]

    def used_s() -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in watched))

    before, began = used_s(), time.monotonic()
    scene.eventually(lambda: False, limit_s=3.0)
    assert (used_s() - before) / (time.monotonic() - began) < 0.02
    assert len(platform.replicas()) == 2
