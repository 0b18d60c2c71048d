"""What every ``PlatformExaminer`` must do: subclass ``PlatformExaminerSuite`` and give it a ``scene`` and ``examined``.

The scene is that of ``platform_suite``: a deployment of a small application whose behaviour a test can choose by release.
"""

from __future__ import annotations

from collections.abc import Callable

from lockage.core.diagnosis.evidence import Container, ContainerPhase, LogText, ReplicaDetail
from lockage.ports import Platform, PlatformExaminer, Rollout
from ports.platform_suite import SLEEPY, PlatformScene, ready

Examined = Callable[[Platform], PlatformExaminer]
"""Gives who looks closely at the deployment of the scene's platform."""


def is_ready(detail: ReplicaDetail) -> bool:
    """Whether it is."""
    return any(condition.type == "Ready" and condition.status == "True" for condition in detail.conditions)


def main(detail: ReplicaDetail) -> Container:
    """The application's own container."""
    (found,) = [container for container in detail.containers if container.main]
    return found


def log_of(examiner: PlatformExaminer, detail: ReplicaDetail, *, previous: bool, lines: int = 100) -> LogText:
    """What the application's own container wrote."""
    return examiner.log(detail.name, main(detail).name, previous=previous, lines=lines)


class PlatformExaminerSuite:
    """Inherited by the tests of each implementation."""

    def test_every_replica_is_shown_with_its_container_and_probes(self, scene: PlatformScene, examined: Examined) -> None:
        platform = scene.open(replicas=2, liveness=SLEEPY)
        details = examined(platform).details()
        assert {detail.name for detail in details} == {replica.name for replica in platform.replicas()}
        for detail in details:
            container = main(detail)
            assert is_ready(detail)
            assert container.state.phase is ContainerPhase.RUNNING
            assert container.state.started_at is not None
            assert (container.ready, container.restarts, container.last) == (True, 0, None)
            assert container.liveness == SLEEPY
            assert container.image.endswith(scene.first)
            assert detail.created_at is not None

    def test_times_are_those_that_the_platform_tells(self, scene: PlatformScene, examined: Examined) -> None:
        platform = scene.open(replicas=1)
        (replica,), (detail,) = platform.replicas(), examined(platform).details()
        assert (detail.created_at, main(detail).state.started_at) == (replica.created_at, replica.started_at)

    def test_a_replica_that_ends_by_itself_waits_with_its_end_behind_it(self, scene: PlatformScene, examined: Examined) -> None:
        scene.crash(scene.second, 7)
        platform = scene.open(replicas=1)
        examiner = examined(platform)
        platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))

        def waiting() -> list[ReplicaDetail]:
            return [each for each in examiner.details() if main(each).state.reason == "CrashLoopBackOff"]

        assert scene.eventually(lambda: bool(waiting()))
        crashed = waiting()[0]
        container = main(crashed)
        assert container.state.phase is ContainerPhase.WAITING
        assert container.last is not None
        assert (container.last.phase, container.last.exit_code) == (ContainerPhase.TERMINATED, 7)
        assert container.last.finished_at is not None
        assert not is_ready(crashed)
        assert any("ends with 7" in line for line in log_of(examiner, crashed, previous=True).lines)

    def test_old_and_new_revisions_are_shown_as_long_as_they_have_replicas(
        self, scene: PlatformScene, examined: Examined
    ) -> None:
        scene.hang(scene.second)
        platform = scene.open(replicas=1)
        examiner = examined(platform)
        (only,) = examiner.revisions()
        assert (only.release, only.wanted, only.present, only.ready) == (scene.first, 1, 1, 1)
        platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))
        assert scene.eventually(lambda: [one.release for one in examiner.revisions()] == [scene.first, scene.second])
        old, new = examiner.revisions()
        assert new.number > old.number
        assert new.wanted == 1
        assert new.ready == 0
        assert {detail.revision for detail in examiner.details()} <= {old.name, new.name}
        assert scene.eventually(lambda: len({detail.revision for detail in examiner.details()}) == 2)

    def test_conditions_say_whether_a_rollout_moves(self, scene: PlatformScene, examined: Examined) -> None:
        platform = scene.open(replicas=1)
        conditions = {one.type: one for one in examined(platform).conditions()}
        assert conditions["Available"].status == "True"
        assert (conditions["Progressing"].status, conditions["Progressing"].reason) == ("True", "NewReplicaSetAvailable")

    def test_events_are_those_of_the_platform_at_least(self, scene: PlatformScene, examined: Examined) -> None:
        platform = scene.open(replicas=1)
        examiner = examined(platform)
        scene.eventually(lambda: bool(platform.events()))
        seen = {(event.subject, event.reason) for event in platform.events()}
        assert seen <= {(event.subject, event.reason) for event in examiner.events()}
        times = [event.at for event in examiner.events()]
        assert times == sorted(times)

    def test_events_of_a_replica_that_is_gone_are_kept(self, scene: PlatformScene, examined: Examined) -> None:
        platform = scene.open(replicas=1)
        (gone,) = platform.replicas()
        platform.scale(0)
        assert scene.eventually(lambda: platform.replicas() == ())
        assert any(event.subject == f"Pod/{gone.name}" for event in examined(platform).events())

    def test_the_newest_lines_of_a_log_are_given_and_it_is_said_that_there_were_more(
        self, scene: PlatformScene, examined: Examined
    ) -> None:
        platform = scene.open(replicas=1, liveness=scene.strict)
        examiner = examined(platform)
        first = platform.replicas()[0].restarts
        scene.hang(scene.first)
        assert scene.eventually(lambda: platform.replicas()[0].restarts > first and bool(ready(platform, scene.first) or 1))
        (detail,) = examiner.details()
        whole = log_of(examiner, detail, previous=True, lines=1000)
        assert whole.lines
        assert not whole.cut
        newest = log_of(examiner, detail, previous=True, lines=1)
        assert newest.lines == whole.lines[-1:]
        assert newest.cut or len(whole.lines) == 1

    def test_looking_closely_changes_nothing(self, scene: PlatformScene, examined: Examined) -> None:
        platform = scene.open(replicas=2)
        examiner = examined(platform)
        before = platform.workload(), platform.replicas()
        examiner.conditions(), examiner.events(), examiner.revisions(), examiner.releases(), examiner.neighbours()
        for detail in examiner.details():
            log_of(examiner, detail, previous=False)
        assert (platform.workload(), platform.replicas()) == before
