"""What every ``Platform`` must do, the real ones and the fake: subclass ``PlatformSuite`` and give it a ``scene``.

Not for how fast things happen. Time is the scene's: ``eventually`` waits really or moves a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

from lockage.core.facts import Probe, Replica, ReplicaPhase, VersionSource
from lockage.errors import RefusedError
from lockage.ports import Platform, Rollout

STRICT = Probe(period_s=0.2, timeout_s=0.2, failure_threshold=2)
"""A liveness probe that soon kills a replica whose health check hangs, where parts of a second can be asked for."""

SLEEPY = Probe(period_s=10.0, failure_threshold=30)
"""A liveness probe that kills nobody within a test."""


class PlatformScene(Protocol):
    """A deployment of a small application whose behaviour a test can choose by release."""

    first: str  # the release that it is created with
    second: str  # another release that can be rolled out
    strict: Probe  # a liveness probe that soon kills a replica whose health check hangs

    def open(self, *, replicas: int = 2, liveness: Probe | None = None) -> Platform:
        """The deployment's only platform, made by this call: ``first``, all replicas ready, a rolling update with surge 1 and
        unavailable 0, readiness probed as often as the platform can."""
        ...

    def again(self) -> Platform:
        """The same deployment, opened a second time as by another process."""
        ...

    def eventually(self, condition: Callable[[], bool], limit_s: float = ...) -> bool:
        """Whether the condition comes true within the limit, by default the scene's own; time passes meanwhile."""
        ...

    def hang(self, release: str) -> None:
        """From now on no replica of a release answers its health check, running ones included."""
        ...

    def answer(self, release: str) -> None:
        """They answer again."""
        ...

    def crash(self, release: str, code: int) -> None:
        """From now on a replica of a release ends by itself as soon as it starts, after writing ``ends with CODE``."""
        ...

    def cling(self, release: str) -> None:
        """Replicas of a release started from now on take no notice of SIGTERM: they live to the end of their grace."""
        ...


def names(platform: Platform) -> set[str]:
    """Names of all replicas."""
    return {replica.name for replica in platform.replicas()}


def ready(platform: Platform, release: str) -> list[Replica]:
    """Ready replicas of a release."""
    return [replica for replica in platform.replicas() if replica.ready and replica.release == release]


def settled(platform: Platform, release: str, replicas: int) -> bool:
    """Whether there are exactly so many replicas, all ready and of the release."""
    return len(platform.replicas()) == len(ready(platform, release)) == replicas


def reasons(platform: Platform, replica: str) -> set[str]:
    """Reasons of all events of a replica."""
    return {event.reason for event in platform.events() if event.subject == f"Pod/{replica}"}


class PlatformSuite:
    """Inherited by the tests of each implementation."""

    # --- looking ------------------------------------------------------------------------------------------------------

    def test_a_look_shows_what_was_asked_for(self, scene: PlatformScene) -> None:
        workload = scene.open(replicas=2, liveness=SLEEPY).workload()
        assert (workload.release, workload.replicas, workload.liveness) == (scene.first, 2, SLEEPY)
        assert workload.image.removesuffix(scene.first) != workload.image
        assert (workload.max_surge, workload.max_unavailable) == (1, 0)

    def test_a_look_shows_what_runs(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=2)
        revision = platform.workload().revision
        replicas = platform.replicas()
        assert len({replica.name for replica in replicas}) == 2
        for replica in replicas:
            assert (replica.phase, replica.ready, replica.restarts) == (ReplicaPhase.RUNNING, True, 0)
            assert (replica.release, replica.revision, replica.last_exit) == (scene.first, revision, None)
            assert replica.started_at is not None
            assert replica.ready_at is not None
            assert replica.created_at <= replica.started_at <= replica.ready_at

    def test_looking_changes_nothing(self, scene: PlatformScene) -> None:
        platform = scene.open()
        before = platform.workload(), platform.replicas()
        platform.events()
        platform.lease()
        platform.releases()
        platform.log(before[1][0].name)
        platform.command_version(before[1][0].name)
        assert (platform.workload(), platform.replicas()) == before

    def test_the_version_command_prints_the_release_of_its_replica(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1)
        (replica,) = platform.replicas()
        reading = platform.command_version(replica.name)
        assert (reading.source, reading.where) == (VersionSource.COMMAND, replica.name)
        assert (reading.version, reading.problem) == (scene.first, None)

    def test_service_and_replicas_have_urls_of_their_own(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=2)
        urls = [platform.service_url(), *(platform.replica_url(name) for name in names(platform))]
        assert len(set(urls)) == 3
        assert all(url.startswith(("http://", "https://")) for url in urls)

    # --- scaling ------------------------------------------------------------------------------------------------------

    def test_scaling_changes_the_number_and_no_revision(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1)
        (kept,) = names(platform)
        revision = platform.workload().revision
        platform.scale(3)
        assert platform.workload().replicas == 3
        assert scene.eventually(lambda: settled(platform, scene.first, 3))
        assert kept in names(platform)
        platform.scale(0)
        assert scene.eventually(lambda: platform.replicas() == ())
        assert platform.workload().revision == revision
        platform.scale(1)
        assert scene.eventually(lambda: settled(platform, scene.first, 1))
        assert kept not in names(platform)

    def test_scaling_to_what_is_there_already_changes_nothing(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=2)
        before = platform.workload(), names(platform)
        platform.scale(2)
        assert (platform.workload(), names(platform)) == before

    def test_a_replica_that_ends_is_seen_terminating_and_not_ready_until_it_is_gone(self, scene: PlatformScene) -> None:
        scene.cling(scene.first)
        platform = scene.open(replicas=1)
        (name,) = names(platform)
        platform.scale(0)

        def seen() -> list[tuple[str, ReplicaPhase, bool]]:
            return [(replica.name, replica.phase, replica.ready) for replica in platform.replicas()]

        assert scene.eventually(lambda: seen() == [(name, ReplicaPhase.TERMINATING, False)])
        assert scene.eventually(lambda: platform.replicas() == ())

    # --- rolling out --------------------------------------------------------------------------------------------------

    def test_a_rollout_replaces_every_replica_by_one_of_a_new_revision(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=2)
        old, revision = names(platform), platform.workload().revision
        platform.roll_out(Rollout(release=scene.second, replicas=2, liveness=None))
        workload = platform.workload()
        assert workload.release == scene.second
        assert workload.revision > revision
        assert scene.eventually(lambda: settled(platform, scene.second, 2))
        assert {replica.revision for replica in platform.replicas()} == {workload.revision}
        assert not old & names(platform)

    def test_the_same_rollout_again_changes_nothing(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=2)
        rollout = Rollout(release=scene.second, replicas=1, liveness=SLEEPY)
        platform.roll_out(rollout)
        assert scene.eventually(lambda: settled(platform, scene.second, 1))
        before = platform.workload(), names(platform)
        platform.roll_out(rollout)
        assert (platform.workload(), names(platform)) == before

    def test_a_rollout_of_the_running_revision_with_another_number_only_scales(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1, liveness=SLEEPY)
        (kept,) = names(platform)
        revision = platform.workload().revision
        platform.roll_out(Rollout(release=scene.first, replicas=2, liveness=SLEEPY))
        assert scene.eventually(lambda: settled(platform, scene.first, 2))
        assert platform.workload().revision == revision
        assert kept in names(platform)

    def test_another_probe_is_another_revision(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1, liveness=None)
        (old,) = names(platform)
        revision = platform.workload().revision
        platform.roll_out(Rollout(release=scene.first, replicas=1, liveness=SLEEPY))
        assert platform.workload().revision > revision
        assert platform.workload().liveness == SLEEPY
        assert scene.eventually(lambda: settled(platform, scene.first, 1) and old not in names(platform))

    def test_a_rollout_after_a_scale_to_zero_brings_exactly_its_number(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=3)
        platform.scale(0)
        assert scene.eventually(lambda: platform.replicas() == ())
        platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))
        most = 0

        def there() -> bool:
            nonlocal most
            most = max(most, len(platform.replicas()))
            return settled(platform, scene.second, 1)

        assert scene.eventually(there)
        assert most == 1

    def test_an_old_replica_stays_ready_while_the_new_one_does_not_become_so(self, scene: PlatformScene) -> None:
        scene.hang(scene.second)
        platform = scene.open(replicas=1)
        (old,) = names(platform)
        platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))
        assert scene.eventually(lambda: any(replica.release == scene.second for replica in platform.replicas()))
        assert not scene.eventually(lambda: [replica.name for replica in ready(platform, scene.first)] != [old], limit_s=1.0)
        scene.answer(scene.second)
        assert scene.eventually(lambda: settled(platform, scene.second, 1))

    def test_a_probe_belongs_to_its_revision_and_kills_no_replica_of_another(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1, liveness=None)
        (old,) = names(platform)
        scene.hang(scene.first)
        platform.roll_out(Rollout(release=scene.first, replicas=1, liveness=scene.strict))

        def new_restarts() -> int:
            return sum(replica.restarts for replica in platform.replicas() if replica.name != old)

        assert scene.eventually(lambda: new_restarts() >= 1)
        assert [replica.restarts for replica in platform.replicas() if replica.name == old] in ([0], [])

    def test_a_replica_that_ends_by_itself_waits_in_back_off_with_its_exit_code(self, scene: PlatformScene) -> None:
        scene.crash(scene.second, 7)
        platform = scene.open(replicas=1)
        platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))

        def waiting() -> list[Replica]:
            return [replica for replica in platform.replicas() if replica.phase is ReplicaPhase.BACK_OFF]

        assert scene.eventually(lambda: any(replica.restarts >= 1 for replica in waiting()))
        (crashed,) = waiting()
        assert crashed.last_exit is not None
        assert (crashed.last_exit.code, crashed.last_exit.reason) == (7, "Error")
        assert not crashed.ready
        assert len(ready(platform, scene.first)) == 1

    def test_a_replica_that_stops_answering_is_restarted_and_the_events_and_logs_say_so(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1, liveness=scene.strict)
        (before,) = platform.replicas()
        scene.hang(scene.first)
        first = before.restarts  # a probe this strict may have struck on a busy machine before

        def restarted() -> bool:
            (replica,) = platform.replicas()
            return replica.restarts > first and replica.started_at is not None and not replica.ready

        assert scene.eventually(restarted)
        (after,) = platform.replicas()
        assert after.name == before.name
        assert after.last_exit is not None
        assert scene.eventually(lambda: {"Started", "Unhealthy", "Killing"} <= reasons(platform, after.name))
        events = [event for event in platform.events() if event.subject == f"Pod/{after.name}"]
        assert {event.kind for event in events if event.reason == "Unhealthy"} == {"Warning"}
        assert platform.log(after.name, previous=True)

    def test_the_log_of_a_replica_in_back_off_is_that_of_the_process_that_ended(self, scene: PlatformScene) -> None:
        scene.crash(scene.second, 7)
        platform = scene.open(replicas=1)
        platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))

        def waiting() -> list[str]:
            return [replica.name for replica in platform.replicas() if replica.phase is ReplicaPhase.BACK_OFF]

        assert scene.eventually(lambda: bool(waiting()))
        (name,) = waiting()
        assert "ends with 7" in platform.log(name, previous=True)
        assert scene.eventually(lambda: "BackOff" in reasons(platform, name))

    # --- annotations --------------------------------------------------------------------------------------------------

    def test_annotations_are_set_changed_and_removed_without_touching_replicas(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1)
        before = platform.workload(), names(platform)
        platform.annotate({"lockage.dev/run": "a", "lockage.dev/former": "b"}, expected=before[0].resource_version)
        seen = platform.workload()
        assert (seen.annotations["lockage.dev/run"], seen.annotations["lockage.dev/former"]) == ("a", "b")
        changes = {"lockage.dev/run": "c", "lockage.dev/former": None, "lockage.dev/never": None}
        platform.annotate(changes, expected=seen.resource_version)
        seen = platform.workload()
        assert seen.annotations["lockage.dev/run"] == "c"
        assert "lockage.dev/former" not in seen.annotations
        assert (seen.revision, names(platform)) == (before[0].revision, before[1])

    def test_an_annotation_is_refused_when_another_has_written_since(self, scene: PlatformScene) -> None:
        platform, other = scene.open(replicas=1), scene.again()
        seen = platform.workload()
        other.annotate({"who": "the other"}, expected=seen.resource_version)
        with pytest.raises(RefusedError) as refused:
            platform.annotate({"who": "me"}, expected=seen.resource_version)
        assert refused.value.code == "LK310"
        assert platform.workload().annotations["who"] == "the other"

    @pytest.mark.parametrize("change", ["scale", "roll_out"])
    def test_a_change_of_what_is_asked_for_makes_an_earlier_look_stale(self, scene: PlatformScene, change: str) -> None:
        platform = scene.open(replicas=1)
        seen = platform.workload()
        if change == "scale":
            platform.scale(2)
        else:
            platform.roll_out(Rollout(release=scene.second, replicas=1, liveness=None))
        with pytest.raises(RefusedError) as refused:
            platform.annotate({"who": "me"}, expected=seen.resource_version)
        assert refused.value.code == "LK310"

    # --- the lease ----------------------------------------------------------------------------------------------------

    def test_a_lease_is_held_renewed_and_given_back(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1)
        assert platform.lease() is None
        platform.hold_lease(holder="a", run_id="1", duration_s=30.0)
        first = platform.lease()
        assert first is not None
        assert (first.holder, first.run_id) == ("a", "1")
        platform.hold_lease(holder="a", run_id="1", duration_s=60.0)
        second = platform.lease()
        assert second is not None
        assert second.expires_at > first.expires_at
        platform.drop_lease(holder="a")
        assert platform.lease() is None

    def test_a_valid_lease_of_another_holder_is_respected(self, scene: PlatformScene) -> None:
        platform, other = scene.open(replicas=1), scene.again()
        platform.hold_lease(holder="a", run_id="1", duration_s=30.0)
        with pytest.raises(RefusedError) as refused:
            other.hold_lease(holder="b", run_id="2", duration_s=30.0)
        assert refused.value.code == "LK311"
        other.drop_lease(holder="b")
        held = platform.lease()
        assert held is not None
        assert held.holder == "a"

    def test_a_lease_that_has_run_out_is_nobodys(self, scene: PlatformScene) -> None:
        platform = scene.open(replicas=1)
        platform.hold_lease(holder="a", run_id="1", duration_s=0.3)
        assert scene.eventually(lambda: platform.lease() is None)
        platform.hold_lease(holder="b", run_id="2", duration_s=30.0)
        held = platform.lease()
        assert held is not None
        assert held.holder == "b"
