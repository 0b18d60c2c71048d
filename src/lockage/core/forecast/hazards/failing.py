"""Hazards of a migration that fails, or of which nobody knows what it does.

Not for what the running release meets (``release``). The surprising thing: most of what fails on a shadow fails for want of
data, so only what fails whatever the rows are is called a failure.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.forecast.assess import Answer, Severity, Unknown
from lockage.core.forecast.hazards.found import Found
from lockage.core.forecast.hazards.seen import Seen, read_by_plans
from lockage.core.forecast.hazards.unsettled import OF_THE_SESSION, WHATEVER_THE_DATA
from lockage.core.forecast.trace import Failure, Traced
from lockage.core.sqlstate import (
    INSUFFICIENT_PRIVILEGE,
    INVALID_SCHEMA_NAME,
    REFUSES_A_TRANSACTION,
    UNDEFINED_COLUMN,
    UNDEFINED_FUNCTION,
    UNDEFINED_OBJECT,
    UNDEFINED_TABLE,
    UNSAFE_NEW_ENUM_VALUE_USAGE,
)
from lockage.core.wording import counted

# Source: PostgreSQL 18 manual, Appendix A.
_BY_DATA = ("22", "23", "P0", "44")  # data exceptions, constraints, a function's own RAISE, WITH CHECK OPTION
_DEPENDENT_OBJECTS_STILL_EXIST = "2BP01"
_DUPLICATE_COLUMN = "42701"
_DUPLICATE_FUNCTION = "42723"
_DUPLICATE_OBJECT = "42710"
_DUPLICATE_SCHEMA = "42P06"
_DUPLICATE_TABLE = "42P07"
_DATATYPE_MISMATCH = "42804"
_WRONG_OBJECT_TYPE = "42809"
_INVALID_FOREIGN_KEY = "42830"  # no unique key that it could refer to
_INVALID_COLUMN_REFERENCE = "42P10"  # no unique key that ON CONFLICT could mean
_INVALID_TABLE_DEFINITION = "42P16"  # a second primary key
_OF_WHAT_IS_THERE = {
    INVALID_SCHEMA_NAME,
    UNDEFINED_COLUMN,
    UNDEFINED_OBJECT,
    UNDEFINED_FUNCTION,
    UNDEFINED_TABLE,
    INSUFFICIENT_PRIVILEGE,
    _DUPLICATE_COLUMN,
    _DUPLICATE_FUNCTION,
    _DUPLICATE_OBJECT,
    _DUPLICATE_SCHEMA,
    _DUPLICATE_TABLE,
    _DATATYPE_MISMATCH,
    _WRONG_OBJECT_TYPE,
    _INVALID_FOREIGN_KEY,
    _INVALID_COLUMN_REFERENCE,
    _INVALID_TABLE_DEFINITION,
    _DEPENDENT_OBJECTS_STILL_EXIST,
}
"""Something is not there, is there already, or is not as it has to be. What could not be run may have made or dropped it."""


def refuses_a_transaction(seen: Seen) -> Iterator[Found]:
    """H040: a statement that PostgreSQL refuses in a transaction is in one."""
    for step, failure in _failures(seen):
        if failure.sqlstate in REFUSES_A_TRANSACTION:
            yield _at(step, code="H040", sentence=f"it fails: {failure.message} (SQLSTATE {failure.sqlstate})")


def fails_on_data(seen: Seen) -> Iterator[Found]:
    """H041: whether it fails is a question of the rows."""
    asked = {(check.file, check.line) for check in seen.forecast.checks}
    rowless = _rowless(seen)
    for check in seen.forecast.checks:
        if (check.file, check.line) in rowless:
            continue
        match check.answer:
            case Answer.HOLDS:
                continue
            case Answer.FAILS:
                yield Found(
                    code="H041", severity=Severity.ERROR, file=check.file, line=check.line, sentence=f"it fails: {check.why}"
                )
            case Answer.NOT_ASKED | Answer.UNKNOWN:
                yield Found(
                    code="H041",
                    file=check.file,
                    line=check.line,
                    sentence=f"it may fail: {check.why}",
                    remedy=f"Look first: {' '.join(check.query.split())}",
                )
    for step, failure in _failures(seen):
        if failure.sqlstate.startswith(_BY_DATA) and (step.file, step.statement.line) not in asked:
            yield _at(
                step,
                code="H041",
                sentence=f"it fails with the rows that the shadow has, of small tables at most: {failure.message}"
                f" (SQLSTATE {failure.sqlstate}); with all of production's nobody has tried it",
            )


def _rowless(seen: Seen) -> set[tuple[str, int]]:
    """Places of statements that were seen to look at no row, as where a constraint proves what SET NOT NULL wants to know."""
    found: dict[tuple[str, int], bool] = {}
    for step, _ in seen.own_steps:
        at = (step.file, step.statement.line)
        none = step.succeeded and step.observation.scanned == () and not read_by_plans(step)
        found[at] = found.get(at, True) and none
    return {at for at, none in found.items() if none}


def enum_value_used_too_early(seen: Seen) -> Iterator[Found]:
    """H042: a value of an enum is used in the transaction that adds it."""
    for step, failure in _failures(seen):
        if failure.sqlstate == UNSAFE_NEW_ENUM_VALUE_USAGE:
            yield _at(step, code="H042", sentence=f"it fails: {failure.message} (SQLSTATE {failure.sqlstate})")


def fails_for_certain(seen: Seen) -> Iterator[Found]:
    """H043: it fails on this schema, whatever the rows."""
    for step, failure in _failures(seen):
        if _certain(seen, step, failure):
            yield _at(step, code="H043", sentence=f"it fails: {failure.message} (SQLSTATE {failure.sqlstate})")


def unknown(seen: Seen) -> Iterator[Found]:
    """H044: something was not seen, and nothing more particular is said of its place; one hazard a file."""
    told = {
        (step.file, step.statement.line)
        for step, failure in _failures(seen)
        if failure.sqlstate in REFUSES_A_TRANSACTION
        or failure.sqlstate == UNSAFE_NEW_ENUM_VALUE_USAGE
        or failure.sqlstate.startswith(_BY_DATA)
        or _certain(seen, step, failure)
    }
    by_file: dict[str, list[Unknown]] = {}
    for one in seen.forecast.unknown:
        if (one.file, one.line) not in told:
            by_file.setdefault(one.file, []).append(one)
    for file, those in by_file.items():
        more = f" (and so in {counted(len(those) - 1, 'more place')} of the file)" if len(those) > 1 else ""
        first = those[0]
        yield Found(code="H044", file=file, line=first.line, sentence=f"nobody saw what it does: {first.reason}{more}")


def _certain(seen: Seen, step: Traced, failure: Failure) -> bool:
    return (
        not (failure.sqlstate in _OF_WHAT_IS_THERE and seen.is_unsettled(step))
        and failure.sqlstate.startswith(WHATEVER_THE_DATA)
        and failure.sqlstate not in REFUSES_A_TRANSACTION
        and failure.sqlstate != UNSAFE_NEW_ENUM_VALUE_USAGE
        and OF_THE_SESSION.match(failure.message) is None
    )


def _failures(seen: Seen) -> Iterator[tuple[Traced, Failure]]:
    for step, _ in seen.own_steps:
        if step.skipped is None and step.observation.failure is not None:
            yield step, step.observation.failure


def _at(step: Traced, *, code: str, sentence: str) -> Found:
    return Found(code=code, file=step.file, line=step.statement.line, sentence=sentence)
