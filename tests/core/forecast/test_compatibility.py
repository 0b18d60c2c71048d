"""How sure a break is, which demands a write meets, and what the verdict says of what was not checked."""

from __future__ import annotations

import pytest

from lockage.core.forecast.compatibility import (
    Break,
    Ground,
    Place,
    Sure,
    Unchecked,
    Why,
    demands_met,
    sureness,
    verdict,
)
from lockage.core.forecast.new_demands import Demand
from lockage.core.forecast.trace import Failure
from lockage.core.migration.syntax import ChangeKind, Name
from lockage.core.migration.writes import Given, writes_of
from lockage.core.release.statements import OldStatement, RunningRelease


def failure(sqlstate: str, message: str = "m") -> Failure:
    return Failure(sqlstate=sqlstate, message=message)


@pytest.mark.parametrize(
    ("after", "planning_fails", "has_parameters", "sure"),
    [
        ("42703", True, True, Sure.CERTAIN),  # no such column
        ("42703", False, True, Sure.CERTAIN),  # the same, inside a function
        ("0A000", True, True, Sure.CERTAIN),  # the cached plan's columns
        ("22P02", True, False, Sure.CERTAIN),  # a literal that no longer fits its type
        ("23502", False, True, Sure.CERTAIN),
        ("23514", False, False, Sure.CERTAIN),
        ("23514", False, True, Sure.POSSIBLE),
        ("23505", False, False, Sure.POSSIBLE),
        ("23503", False, True, Sure.POSSIBLE),
        ("22001", False, True, Sure.VALUES),
        ("P0001", False, False, Sure.CERTAIN),
        ("P0001", False, True, Sure.VALUES),
        ("42501", True, True, Sure.CERTAIN),  # a privilege
        ("42501", False, True, Sure.VALUES),  # a policy
        ("55P03", False, True, None),
        ("57014", False, True, None),
        ("53200", False, True, None),
        ("40P01", False, True, None),
    ],
)
def test_how_sure_a_break_is_depends_on_what_values_can_change(
    after: str, *, planning_fails: bool, has_parameters: bool, sure: Sure | None
) -> None:
    found = sureness(None, failure(after), planning_fails=planning_fails, has_parameters=has_parameters)
    assert found is sure


def test_what_fails_as_it_did_before_is_no_break_and_what_fails_otherwise_is_one() -> None:
    before = failure("23503")
    assert sureness(before, before, planning_fails=False, has_parameters=True) is None
    assert sureness(before, None, planning_fails=False, has_parameters=True) is None
    assert sureness(before, failure("42703"), planning_fails=True, has_parameters=True) is Sure.CERTAIN


def test_values_that_failed_before_and_fail_by_a_constraint_of_another_name_are_no_break() -> None:
    for state, sure in (("23505", None), ("22P02", None), ("P0001", None), ("23502", Sure.CERTAIN), ("42703", Sure.CERTAIN)):
        found = sureness(failure(state, "a"), failure(state, "b"), planning_fails=state == "42703", has_parameters=True)
        assert found is sure


def demand(*columns: str, **said: object) -> Demand:
    usual: dict[str, object] = {
        "oid": 7,
        "columns": columns,
        "kinds": frozenset({ChangeKind.INSERT, ChangeKind.UPDATE}),
        "givens": frozenset({Given.PARAMETER, Given.COMPUTED}),
        "sqlstate": "23514",
        "sentence": "it demands",
    }
    return Demand(**(usual | said))  # type: ignore[arg-type]


def met(text: str, *demands: Demand) -> bool:
    ground = Ground(
        demands={7: demands}, columns={7: ("a", "b"), 8: ("a", "b")}, defaults={7: frozenset({"b"})}, views={8: (7,)}
    )
    oids = {"t": 7, "v": 8}
    return bool(demands_met(writes_of(text), ground, resolve=lambda name: oids.get(name.name)))


def test_a_demand_is_met_by_values_that_nobody_knows_and_not_by_literals() -> None:
    assert met("insert into t (a) values ($1)", demand("a"))
    assert met("update t set a = a + 1", demand("a"))
    assert met("insert into t values ($1)", demand("a"))
    assert met("insert into v (a) values ($1)", demand("a"))
    assert not met("insert into t (a) values (5)", demand("a"))
    assert not met("insert into t (b) values ($1)", demand("a"))
    assert not met("update t set b = $1 where a = $2", demand("a"))
    assert not met("delete from t where a = $1", demand("a"))
    assert not met("insert into other (a) values ($1)", demand("a"))


def test_a_key_needs_a_value_in_each_of_its_columns() -> None:
    key = demand("a", "b", givens=frozenset({Given.PARAMETER, Given.LITERAL}), every_column=True, key=True)
    assert met("insert into t (a, b) values ($1, 2)", key)
    assert met("insert into t (a) values ($1)", key)  # b has a default
    assert not met("insert into t (b) values ($1)", key)  # a is null
    assert not met("insert into t (a, b) values ($1, 2) on conflict do nothing", key)
    assert met("update t set a = $1", key)


def test_the_verdict_says_what_was_not_checked_and_since_when_statements_were_seen() -> None:
    release = RunningRelease(
        statements=tuple(OldStatement(text=f"select {n}") for n in range(10)), source="a file", since="2026-01-02T00:00:00Z"
    )
    unchecked = [Unchecked(statement=each, why=Why.FAILS, reason="no") for each in release.statements[:5]]
    certain = Break(statement=release.statements[6], sqlstate="42703", message="gone")
    possible = Break(statement=release.statements[7], sqlstate="23505", message="twice", sure=Sure.POSSIBLE)
    found = verdict(release, unchecked=unchecked, breaks=[certain, possible], places={certain: Place(file="1.sql", line=3)})
    (broken,), (may,) = found.broken, found.may_break
    assert (broken.query, broken.file, broken.line, broken.certain) == ("select 6", "1.sql", 3, True)
    assert (may.query, may.certain) == ("select 7", False)
    assert found.old_release is not None
    assert (found.old_release.checked, found.old_release.statements, found.old_release.since) == (
        5,
        10,
        "2026-01-02T00:00:00Z",
    )
    assert found.assumptions == (
        "not checked: 5 of 10 statements of the running release cannot be prepared before the script either, such as "
        "select 0 (no); select 1 (no); select 2 (no)",
    )


def test_the_verdict_counts_one_statement_as_one() -> None:
    only = OldStatement(text="select 1")
    release = RunningRelease(statements=(only,), source="a file", since=None)
    unseen = verdict(release, unchecked=[Unchecked(statement=only, why=Why.FAILS, reason="no")], breaks=[], places={})
    assert unseen.assumptions[0].startswith("not checked: 1 of 1 statement of the running release cannot ")
    broken = Break(statement=only, sqlstate="42703", message="gone")
    lost = verdict(release, unchecked=[], breaks=[broken], places={broken: None})
    assert lost.assumptions == ("behind which statement of the script 1 of 1 broken statement fails was not found",)


def test_what_was_not_checked_is_named_without_its_literals() -> None:
    order = OldStatement(text="alter role app password 'canary-3f1c'")
    release = RunningRelease(statements=(order,), source="pg_stat_statements", since=None)
    found = verdict(release, unchecked=[Unchecked(statement=order, why=Why.UTILITY)], breaks=[], places={})
    (said,) = (sentence for sentence in found.assumptions if "alter role app" in sentence)
    assert "canary" not in said


def test_names_are_resolved_by_whoever_has_the_catalog() -> None:
    asked: list[Name] = []

    def resolve(name: Name) -> int | None:
        asked.append(name)
        return None

    demands_met(writes_of("insert into s.t (a) values ($1)"), Ground(demands={}), resolve=resolve)
    assert asked == [Name(schema="s", name="t")]


def test_what_breaks_for_several_roles_is_said_once() -> None:
    breaks = [
        Break(statement=OldStatement(text="select 1", role=role), sqlstate="42703", message="gone") for role in ("a", "b")
    ]
    release = RunningRelease(statements=tuple(each.statement for each in breaks))
    place = Place(file="1.sql", line=1)
    found = verdict(release, unchecked=(), breaks=breaks, places=dict.fromkeys(breaks, place))
    assert [broken.query for broken in found.broken] == ["select 1"]
