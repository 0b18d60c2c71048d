"""What the choice of a strategy stands on, and each piece of evidence in a sentence.

Not for choosing (``strategy``). The surprising thing: no statement checked counts as a break, and the migrator's own ledger
counts as nothing, since every migrator locks it and nobody else uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockage.core.facts import OwnedSession, UpdateKind, Workload
from lockage.core.forecast import strategies
from lockage.core.forecast.assess import Blocks, Broken, Forecast, RelationForecast, Seconds
from lockage.core.forecast.lock_modes import conflict
from lockage.core.forecast.strategies import Outage, Timing, without_writes_s
from lockage.core.plan.wording import time_in_words
from lockage.core.wording import counted
from lockage.settings import StrategyChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the choice for one hop stands on."""

    from_release: str
    to_release: str
    workload: Workload | None  # None: no deployment was named, so nothing is known of its replicas
    forecast: Forecast
    timing: Timing
    ledger_table: str | None  # schema.name: locked by every migrator, used by nobody else; None: none, or not known
    one_migrator: bool  # something keeps two migrators apart
    limits: StrategyChoice
    forbidden: tuple[str, ...] = ()  # why old and new replicas must not run side by side, a clause each
    lasting: tuple[OwnedSession, ...] = ()  # sessions of live replicas whose transaction has been open for long


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """One reason against a strategy."""

    now: str  # what is so
    wanted: str  # what would have to be so, with the number that it has now
    ignorance: bool = False  # nothing bad is known, only nothing at all: a user who knows more may decide otherwise


def used_relations(situation: Situation) -> tuple[RelationForecast, ...]:
    """Relations whose users the script makes wait, the ledger left out, longest first."""
    return strategies.used_relations(situation.forecast, situation.ledger_table)


def noticeable(seconds: Seconds, limits: StrategyChoice) -> bool:
    """Whether users would notice that they are blocked so long."""
    return seconds.likely > limits.blocked_likely_s or seconds.high is None or seconds.high > limits.blocked_high_s


def blocked(situation: Situation) -> Outage:
    """How long users of any relation wait, readers and writers."""
    return strategies.blocked(situation.forecast, situation.ledger_table)


def blocked_s(situation: Situation) -> Seconds:
    """The longer of the two."""
    return blocked(situation).unavailable_s


def old_release_was_checked(forecast: Forecast) -> bool:
    """Whether anything is known of the old release on the new schema."""
    return forecast.statements_checked > 0 or (forecast.script.known and not forecast.script.migrations)


def old_release_breaks(forecast: Forecast) -> bool:
    """Whether the old release must be taken to fail on the new schema."""
    return bool(forecast.broken) or not old_release_was_checked(forecast)


# --- obstacles -----------------------------------------------------------------------------------------------------------


def obstacles_to_rolling(situation: Situation) -> Iterator[Obstacle]:
    """Everything that forbids a rolling update, the platform first."""
    forecast = situation.forecast
    yield from _forbidden(situation)
    if situation.workload is not None:
        yield from _of_platform(situation, situation.workload)
    if old_release_breaks(forecast) and forecast.script.known:
        yield Obstacle(now=break_in_words(situation), wanted=no_break_wanted(situation))
    elif forecast.may_break:
        # Whoever knows the values may know better; nobody asked has seen them.
        yield Obstacle(now=may_break_in_words(situation), wanted=no_break_wanted(situation))
    if forecast.unknown:
        yield _unknown(forecast)
    yield from _noticed(situation)
    yield from _queued(situation)


def obstacles_to_scale_to_one(situation: Situation) -> Iterator[Obstacle]:
    """Everything that forbids to keep one old replica through the migration."""
    workload = situation.workload
    yield from _forbidden(situation)
    if workload is None:
        pass
    elif workload.update is UpdateKind.RECREATE:
        yield _RECREATE
    elif workload.max_unavailable >= 1:
        # A percentage may come to 0 at one replica; the platform does not tell us which it is.
        now = f"maxUnavailable {workload.max_unavailable} may leave nobody serving at one replica"
        yield Obstacle(now=now, wanted=f"maxUnavailable were 0 (now {workload.max_unavailable})")
    elif workload.max_surge < 1:
        yield Obstacle(now="maxSurge 0 lets no new replica start beside the old one", wanted="maxSurge were 1 (now 0)")
    if situation.forecast.unknown:
        yield _unknown(situation.forecast)


def _of_platform(situation: Situation, workload: Workload) -> Iterator[Obstacle]:
    forecast = situation.forecast
    if workload.update is UpdateKind.RECREATE:
        yield _RECREATE
    elif workload.max_unavailable >= workload.replicas:
        now = f"maxUnavailable {workload.max_unavailable} of {workload.replicas} replicas leaves nobody serving"
        yield Obstacle(now=now, wanted=f"maxUnavailable were below {workload.replicas}")
    together = workload.max_surge + workload.max_unavailable
    migrates = forecast.script.migrations or not forecast.script.known
    if migrates and not situation.one_migrator and together > 1:
        now = f"nothing keeps two migrators apart, and {together} replicas of {situation.to_release} would start together"
        yield Obstacle(now=now, wanted=f"one replica were replaced at a time (now {together})")


_RECREATE = Obstacle(
    now="the workload's update strategy is Recreate: every old replica stops before a new one starts",
    wanted="the workload's update strategy were RollingUpdate (now Recreate)",
)


def _forbidden(situation: Situation) -> Iterator[Obstacle]:
    for why in situation.forbidden:
        yield Obstacle(
            now=f"old and new must never overlap: {why}",
            wanted=f"{why.partition(':')[0]} did not forbid that old and new overlap",
        )


def _unknown(forecast: Forecast) -> Obstacle:
    if not forecast.script.known:
        return Obstacle(
            now=f"unknown counts as the worst case: {forecast.unknown[0].reason}",
            wanted="the migrations were known (--migrations FOLDER)",
            ignorance=True,
        )
    first, more = forecast.unknown[0], len(forecast.unknown) - 1
    rest = f" and {more} more" if more else ""
    return Obstacle(
        now=f"unknown counts as the worst case: {first.file}:{first.line}: {first.reason}{rest}",
        wanted=f"nothing of the script were unknown (now {len(forecast.unknown)})",
    )


def _noticed(situation: Situation) -> Iterator[Obstacle]:
    limits = situation.limits
    for relation in used_relations(situation):
        # Readers may be stopped for a moment only, behind an index that was built while writers waited.
        waits = (
            (_who(relation.blocks), relation.blocked_s),
            (_who(Blocks.WRITES), without_writes_s(relation, of_any_row=True)),
            (_who(Blocks.ROWS), without_writes_s(relation)),
        )
        who, seconds = next((wait for wait in waits if noticeable(wait[1], limits)), waits[0])
        if noticeable(seconds, limits):
            yield Obstacle(
                now=f"{who} of {relation.relation} would be blocked {seconds_in_words(seconds)}",
                wanted=(
                    f"{relation.relation} were blocked at most {limits.blocked_likely_s:g} s likely and "
                    f"{limits.blocked_high_s:g} s high (now {seconds_in_words(seconds)})"
                ),
            )


def _queued(situation: Situation) -> Iterator[Obstacle]:
    # A request for a strong lock that waits for one long transaction makes everybody behind it wait as long.
    taken = {relation.relation: {lock.mode for lock in relation.locks} for relation in used_relations(situation)}
    for owned in situation.lasting:
        for held in owned.session.relation_locks:
            if held.granted and any(conflict(mode, held.mode) for mode in taken.get(held.relation, ())):
                age_s = owned.session.transaction_age_s or 0.0
                yield Obstacle(
                    now=(
                        f"replica {owned.replica} keeps a transaction open on {held.relation}, {age_s:.0f} s so far: "
                        f"the migration would wait for it, and every user behind the migration"
                    ),
                    wanted=f"no replica kept a transaction open on {held.relation} (now {age_s:.0f} s)",
                )
                break


# --- in words ------------------------------------------------------------------------------------------------------------


def break_in_words(situation: Situation) -> str:
    """Why the old release must be taken to fail."""
    forecast = situation.forecast
    if not forecast.script.known:
        return f"the schema of {situation.to_release} is not known"
    if not forecast.broken:
        return f"no statement of {situation.from_release} was checked against the schema of {situation.to_release}"
    return f"{len(forecast.broken)} of {_checked(situation)} fail after it {_first(forecast.broken)}"


def may_break_in_words(situation: Situation) -> str:
    """Which statements of the old release fail for some values."""
    found = situation.forecast.may_break
    return f"{len(found)} of {_checked(situation)} may fail after it, for some values {_first(found)}"


def _first(found: Sequence[Broken]) -> str:
    query = " ".join(found[0].query.split())
    return f"(first: {query if len(query) <= 60 else query[:59] + '…'}: {found[0].message})"


def _checked(situation: Situation) -> str:
    return f"{counted(situation.forecast.statements_checked, 'statement')} of {situation.from_release}"


def no_break_wanted(situation: Situation) -> str:
    """What of the old release would have to be otherwise."""
    forecast = situation.forecast
    if not forecast.broken and not forecast.may_break:
        return f"statements of {situation.from_release} were checked (now none)"
    found = forecast.broken or forecast.may_break
    could = "failed" if forecast.broken else "could fail"
    return f"no statement of {situation.from_release} {could} after it (now {len(found)} of {forecast.statements_checked})"


def no_break_in_words(situation: Situation) -> str:
    """That nothing was found, and among how many."""
    if not situation.forecast.script.migrations:
        return "there is no migration between the two"
    old = situation.forecast.old_release
    if old is None:
        return f"no break found in {_checked(situation)}"
    among = counted(old.statements, "statement")
    checked = among if old.statements == old.checked else f"{old.checked} of {among}"
    since = f" seen since {old.since}" if old.since else ""
    return f"no break found in {checked} of {situation.from_release}{since}"


def who_serves(workload: Workload | None) -> str:
    """How many replicas a rolling update leaves."""
    if workload is None:
        return "whether some replicas keep serving is the platform's to say: no deployment was named"
    return f"{workload.replicas - workload.max_unavailable} of {workload.replicas} replicas keep serving"


def nobody_notices(situation: Situation) -> str:
    """How long the relation is blocked whose users wait longest."""
    relations = used_relations(situation)
    if not relations:
        return "no relation is blocked"
    longest = without_writes_s(relations[0])
    return f"nobody would notice: {relations[0].relation} is blocked longest, {seconds_in_words(longest)}"


def seconds_in_words(seconds: Seconds) -> str:
    """Likely and at most."""
    high = "unknown" if seconds.high is None else time_in_words(seconds.high)
    return f"{time_in_words(seconds.likely)} likely, {high} at most"


def _who(blocks: Blocks) -> str:
    return {Blocks.READS: "readers and writers", Blocks.WRITES: "writers"}.get(blocks, "writers of changed rows")
