"""Plans and a profile for tests of the flows: an application called "app" with three releases."""

from __future__ import annotations

from lockage.core.facts import Probe, UpdateKind
from lockage.core.forecast.assess import Blocks, Seconds
from lockage.core.plan import steps as s
from lockage.core.release.profile import Profile, parse_profile
from support.fake_world import START

PROFILE_TOML = b"""
schema = "lockage.profile/1"
name = "app"
title = "An application"
[workload]
image = "app"
application_name = "app/{replica}"
[version]
buildinfo_path = "/buildinfo"
[database]
url_env = "DATABASE_URL"
[migrations]
format = "golang-migrate"
source = "."
transaction = "whole"
ledger = "public.schema_migrations"
advisory_lock = 42
[migrations.releases]
"1.0.0" = 10
"1.1.0" = 11
"2.0.0" = 20
[service]
health_path = "/healthz"
[[service.requests]]
path = "/api"
"""

FORMER = Probe(period_s=2.0)
"""The liveness probe that the application has."""

UNDO = "nothing to undo"


def app_profile() -> Profile:
    """The profile of the application."""
    return parse_profile(PROFILE_TOML, file="app.toml")


def hop(
    from_release: str,
    to_release: str,
    strategy: s.Strategy,
    *,
    replicas: int = 3,
    liveness: Probe | None = None,
    migrating: Probe | None = None,
    leave_when: str | None = None,
    blocked: tuple[str, ...] = ("public.t",),
    last: bool = False,
    high_s: float | None = 6.0,
    autoscalers: tuple[str, ...] = (),
    owners: tuple[str, ...] = (),
) -> s.Hop:
    """One hop with all its steps, as the planner lays them out."""
    base = {"undo": UNDO, "expected_s": 1.0, "limit_s": 60.0}
    ledger = app_profile().migrations.releases[to_release]
    first = {s.Strategy.ROLLING: replicas, s.Strategy.SCALE_TO_ONE: 1, s.Strategy.SCALE_TO_ZERO: 1}[strategy]
    left = {s.Strategy.SCALE_TO_ONE: 1, s.Strategy.SCALE_TO_ZERO: 0}.get(strategy)
    taken: list[s.AnyStep] = [
        s.CheckFacts(**base),
        s.Prepare(**base, release=to_release, replicas=first, liveness=migrating),
        s.SettleForeignSessions(**base, relations=blocked),
        s.BackUp(**base),
        s.NoteFormerState(**base),
    ]

    def asked(release: str, number: int, probe: Probe | None, *, complete: bool) -> s.HandOver:
        return s.HandOver(**base, owners=owners, release=release, replicas=number, liveness=probe, complete=complete)

    if autoscalers:
        taken.append(s.PinContenders(**base, replicas=first, autoscalers=autoscalers))
    if left is not None:
        down = s.ScaleDown(**base, replicas=left)
        taken += [asked(from_release, left, liveness, complete=True) if owners else down, s.ClearSessions(**base)]
    out = s.RollOut(**base, release=to_release, replicas=first, liveness=migrating)
    more = s.RaiseReplicas(**base, release=to_release, replicas=replicas, liveness=liveness)
    taken += [
        asked(to_release, first, migrating, complete=False) if owners else out,
        s.GuardMigration(**base, ledger=ledger, late_after_s=high_s),
        s.Verify(**base, release=to_release, ledger=ledger),
        asked(to_release, replicas, liveness, complete=True) if owners else more,
    ]
    if leave_when is not None:
        taken.append(s.LeaveWhen(**base, condition=leave_when, text="the work is done"))
    if last:
        taken.append(s.Restore(**base))
    return s.Hop(
        from_release=from_release,
        to_release=to_release,
        strategy=strategy,
        reasons=("a test",),
        would_change=(),
        considered=(),
        forecast=s.HopForecast(
            migrations=1,
            total_s=Seconds(low=1.0, likely=2.0, high=high_s),
            worst=Blocks.READS,
            blocked=blocked,
            broken=0,
            statements_checked=1,
            unknown=0,
        ),
        kill_budget_s=900.0,
        steps=tuple(taken),
        provisional=False,
    )


def plan_of(*hops: s.Hop, on_blocker: s.OnBlocker = s.OnBlocker.WAIT) -> s.Plan:
    """A plan of these hops."""
    return s.Plan(
        deployment="app",
        created_at=START,
        from_release=hops[0].from_release,
        to_release=hops[-1].to_release,
        replicas=3,
        liveness=FORMER,
        migrations=10,
        minors=1,
        hops=hops,
        warnings=(),
        on_blocker=on_blocker,
        tolerances=s.Tolerances(),
        facts=s.PlanFacts(
            release=hops[0].from_release,
            image=f"app:{hops[0].from_release}",
            replicas=3,
            liveness=FORMER,
            readiness=Probe(period_s=1.0),
            update=UpdateKind.ROLLING_UPDATE,
            max_surge=1,
            max_unavailable=0,
            owners=(),
            ledger_version=app_profile().migrations.releases[hops[0].from_release],
            ledger_dirty=False,
            database="app",
            database_major=18,
        ),
        facts_digest="f",
        content_digest="c",
    )
