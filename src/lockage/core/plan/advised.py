"""What the advisories change about a hop: its forecast, its warnings, the strategies it may take, what is checked before it.

Not for detours, which make the route (``core.release.route``), nor for asking (``flows.propose``). The surprising thing: an
answer that could not be had is not "no". What could not be asked counts as if it concerned this deployment, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lockage.core.forecast.assess import Forecast
from lockage.core.plan.steps import AdvisoryCondition, Strategy
from lockage.core.release.advisories import Advisory, Detour, ExtraTime, ForbiddenOverlap, ManualStep, advisories_for
from lockage.core.release.profile import Profile
from lockage.core.release.route import Leg
from lockage.core.wording import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the database said to one question of an advisory; ``holds`` None with a ``problem`` when it could not be asked."""

    holds: bool | None
    problem: str | None = None


Answers = Mapping[str, Answer]
"""SQL of a question to its answer. A question that is not in it was not asked."""

NOT_ASKED = Answer(holds=None, problem="it was not asked")


def questions(profile: Profile, legs: Sequence[Leg]) -> tuple[str, ...]:
    """The SQL of every question that the advisories of these hops have, each once."""
    asked: dict[str, None] = {}
    for leg in legs:
        for advisory in of_leg(profile, leg):
            match advisory:
                case ManualStep(applies_when=applies, done_when=done):
                    asked |= dict.fromkeys(sql for sql in (applies, done) if sql)
                case ForbiddenOverlap(detect=detect):
                    asked |= dict.fromkeys([detect] if detect else [])
                case Detour() | ExtraTime():
                    pass
    return tuple(asked)


def of_leg(profile: Profile, leg: Leg) -> tuple[Advisory, ...]:
    """The advisories that speak of one hop. A detour that it already is a part of is not among them."""
    found = advisories_for(profile.advisories, from_release=leg.from_release, to_release=leg.to_release)
    return tuple(advisory for advisory in found if not isinstance(advisory, Detour))


def speaks(profile: Profile, legs: Sequence[Leg]) -> bool:
    """Whether anything is known of the jump, or of a hop of it."""
    return any(leg.detours or of_leg(profile, leg) for leg in legs)


def widened(forecast: Forecast, advisories: Sequence[Advisory]) -> Forecast:
    """The forecast with the seconds that are known from elsewhere: its high end is at least those; what is unknown stays so."""
    known_s = [s for a in advisories if isinstance(a, ExtraTime) for s in (a.most_s, a.typical_s) if s is not None]
    typical_s = [a.typical_s for a in advisories if isinstance(a, ExtraTime) and a.typical_s is not None]
    total = forecast.total_s
    if not forecast.script.known:
        return replace(forecast, total_s=replace(total, likely=max([total.likely, *typical_s])))
    if total.high is None or not forecast.script.migrations:
        return forecast
    return replace(forecast, total_s=replace(total, high=max([total.high, *known_s])))


def forbidden_overlaps(advisories: Sequence[Advisory], answers: Answers) -> tuple[str, ...]:
    """Why old and new replicas must not run side by side on this hop, one clause an advisory, with the evidence."""
    found: list[str] = []
    for advisory in advisories:
        if not isinstance(advisory, ForbiddenOverlap):
            continue
        why = f"{advisory.code}: {advisory.reason}"
        if advisory.detect is None:
            found.append(why)
            continue
        answer = answers.get(advisory.detect, NOT_ASKED)
        if answer.holds is None:
            found.append(
                f"{why}; whether that concerns this deployment is not known ({answer.problem}), and counts as if it did"
            )
        elif answer.holds:
            found.append(f"{why}; here {advisory.detect_text or 'that is so'}")
    return tuple(found)


def conditions(advisories: Sequence[Advisory], answers: Answers, strategy: Strategy) -> tuple[AdvisoryCondition, ...]:
    """What is asked again before the hop changes anything."""
    return tuple(_conditions(advisories, answers, strategy))


def _conditions(advisories: Sequence[Advisory], answers: Answers, strategy: Strategy) -> Iterator[AdvisoryCondition]:
    for advisory in advisories:
        match advisory:
            case ManualStep(done_when=str(sql)) if _applies(advisory, answers):
                yield AdvisoryCondition(code=advisory.code, sql=sql, expected=True, text=f"to be done by hand: {advisory.text}")
            case ForbiddenOverlap(detect=str(sql)) if strategy is not Strategy.SCALE_TO_ZERO:
                text = f"old and new replicas must not run side by side: {advisory.reason}"
                yield AdvisoryCondition(code=advisory.code, sql=sql, expected=False, text=text)
            case _:
                pass


def advisory_warnings(leg: Leg, advisories: Sequence[Advisory], answers: Answers) -> tuple[str, ...]:
    """What a person should read of the hop's advisories, one sentence each, with where it comes from."""
    return tuple(f"{leg.from_release} to {leg.to_release}: {said}" for said in _said(advisories, answers))


def _said(advisories: Sequence[Advisory], answers: Answers) -> Iterator[str]:
    for advisory in advisories:
        where = f"({advisory.code}, {advisory.date}, {advisory.source})"
        match advisory:
            case ExtraTime():
                yield f"takes longer than most: {advisory.reason}{_how_long(advisory)} {where}"
            case ManualStep():
                if _applies(advisory, answers):
                    yield f"by hand: {advisory.text}; {advisory.reason}{_whether_done(advisory, answers)} {where}"
            case ForbiddenOverlap(detect=str(sql)) if answers.get(sql, NOT_ASKED).holds is False:
                yield (
                    f"old and new replicas must not run side by side where {advisory.detect_text or advisory.reason}; "
                    f"that was not so when this plan was made {where}"
                )
            case ForbiddenOverlap():
                yield f"old and new replicas must not run side by side: {advisory.reason} {where}"
            case Detour():
                pass


def _how_long(advisory: ExtraTime) -> str:
    known = [
        f"{word} {duration(seconds)}"
        for word, seconds in (("typically", advisory.typical_s), ("at most known", advisory.most_s))
        if seconds is not None
    ]
    parts = [*known, *([f"it depends on {', '.join(advisory.tables)}"] if advisory.tables else [])]
    return f"; {'; '.join(parts)}" if parts else ""


def _applies(advisory: ManualStep, answers: Answers) -> bool:
    return advisory.applies_when is None or answers.get(advisory.applies_when, NOT_ASKED).holds is not False


def _whether_done(advisory: ManualStep, answers: Answers) -> str:
    if advisory.done_when is None:
        return ""
    match answers.get(advisory.done_when, NOT_ASKED):
        case Answer(holds=True):
            return "; it has been done"
        case Answer(holds=False):
            return "; it has not been done, and the run does not begin before"
        case Answer(problem=problem):
            return f"; whether it has been done is not known ({problem}), and the run asks before it begins"
