"""What holds a plan together: its seal over the content, and the facts that it stands on.

Not for keeping secrets: anybody can make a plan with a right seal, by making a plan. The seal tells a plan that was edited
from one that was approved. The surprising thing: a plan file must also read letter by letter as Lockage writes it, because
YAML lets a decoy key or a comment say to a person what the machine does not read.
"""

from __future__ import annotations

import hashlib

import msgspec

from lockage.core.facts import Survey
from lockage.core.plan.contending import acting, autoscaled
from lockage.core.plan.preconditions import agreed_release
from lockage.core.plan.steps import Plan, PlanFacts
from lockage.core.release.version import normalised
from lockage.errors import RefusedError, UsageError

SCHEMA = "lockage.plan/1"
"""The only version of a plan file that this Lockage reads and writes."""


def content_digest(plan: Plan) -> str:
    """``sha256:…`` over the plan as canonical JSON (keys sorted), its own field empty."""
    return _digest(msgspec.structs.replace(plan, content_digest=""))


def sealed(plan: Plan) -> Plan:
    """The plan with its content digest filled in."""
    return msgspec.structs.replace(plan, content_digest=content_digest(plan))


def facts_of(survey: Survey) -> PlanFacts:
    """The discrete facts of a survey that a plan stands on. Raises ``RefusedError`` (LK224) when versions disagree."""
    workload = survey.workload
    return PlanFacts(
        release=normalised(agreed_release(survey)),
        image=workload.image,
        replicas=workload.replicas,
        liveness=workload.liveness,
        readiness=workload.readiness,
        update=workload.update,
        max_surge=workload.max_surge,
        max_unavailable=workload.max_unavailable,
        owners=tuple(sorted({*workload.owners, *acting(survey.contenders)})),
        ledger_version=survey.ledger.version,
        ledger_dirty=survey.ledger.dirty,
        database=survey.database.database,
        database_major=survey.database.major,
    )


def facts_digest(facts: PlanFacts) -> str:
    """``sha256:…`` over the facts as canonical JSON."""
    return _digest(facts)


def facts_hold(plan: Plan, survey: Survey) -> tuple[str, ...]:
    """What has changed since the plan was made, one sentence a fact; empty when the plan still holds.

    Raises ``RefusedError`` (LK224) when versions disagree now.
    """
    if survey.deployment != plan.deployment:
        return (f"the plan is for {plan.deployment}, and this is {survey.deployment}",)
    now = facts_of(survey)
    if plan.facts is None:
        return () if facts_digest(now) == plan.facts_digest else ("a fact that the plan stands on has changed",)
    return tuple(
        f"{_words(name)} was {_shown(getattr(plan.facts, name))}, and is {_shown(getattr(now, name))}"
        for name in PlanFacts.__struct_fields__
        if getattr(plan.facts, name) != getattr(now, name)
        # While an autoscaler is at work, the number of replicas is its business until it is pinned.
        and not (name == "replicas" and autoscaled(survey.contenders, now.replicas))
    )


# --- the file ------------------------------------------------------------------------------------------------------------


def plan_file(plan: Plan) -> str:
    """The plan as the YAML that a person reads, approves and keeps; ``check_plan_file`` reads it back."""
    return msgspec.yaml.encode(plan).decode()


def check_plan_file(text: str, *, file: str = "the plan file") -> Plan:
    """The plan in a file, exactly as it was made.

    Line endings and blank lines at the end do not matter; every other letter does. Raises ``UsageError`` for what is no plan
    (LK232) or of another schema version (LK233), and ``RefusedError`` (LK230) for one that was edited.
    """
    _refuse_other_schema(text, file)
    try:
        plan = msgspec.yaml.decode(text, type=Plan, strict=True)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{file} is not a plan: {_first_line(error)}", code="LK232", hint="lockage plan NAME --to RELEASE -o FILE"
        ) from error
    as_read = text.replace("\r\n", "\n").rstrip("\n") + "\n"
    if plan.content_digest != content_digest(plan) or as_read != plan_file(plan):
        raise RefusedError(
            f"{file} was edited after Lockage wrote it: its content is not what its seal {plan.content_digest[:19]} says",
            code="LK230",
            hint=f"lockage plan {plan.deployment} --to {plan.to_release} -o FILE",
        )
    return plan


class _Head(msgspec.Struct):
    schema: str


def _refuse_other_schema(text: str, file: str) -> None:
    try:
        head = msgspec.yaml.decode(text, type=_Head)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{file} is not a plan: {_first_line(error)}", code="LK232", hint="lockage plan NAME --to RELEASE -o FILE"
        ) from error
    if head.schema != SCHEMA:
        raise UsageError(
            f"{file} says schema {head.schema}, and this Lockage reads {SCHEMA}",
            code="LK233",
            hint="lockage plan NAME --to RELEASE -o FILE, with this version",
        )


def _digest(record: Plan | PlanFacts) -> str:
    return f"sha256:{hashlib.sha256(msgspec.json.encode(record, order='sorted')).hexdigest()}"


def _words(field: str) -> str:
    return field.replace("_", " ")


def _shown(value: object) -> str:
    match value:
        case None:
            return "none"
        case tuple():
            return ", ".join(map(str, value)) or "none"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _:
            return str(value)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
