"""The old release's statements on a kept session: prepared and executed before the script, executed again after it.

Not for production: they are executed, in transactions that are rolled back. The surprising thing: each is executed before the
script too, for with made-up parameters and next to no data a statement may fail by itself; only what fails afterwards, and
failed otherwise or not at all before, is broken.

What reaches out of the database is never executed, nor planned, since planning executes functions too: it is only parsed anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.behind_checks import about_half_checked, behind_checks, is_of_the_schema
from lockage.adapters.postgres.circumstances import chooses, names_that_hide
from lockage.adapters.postgres.copying import misshapen, shape_of
from lockage.adapters.postgres.demanded import demanded
from lockage.adapters.postgres.exchange import discreetly
from lockage.adapters.postgres.executing import Executing, Way
from lockage.adapters.postgres.made_up_rows import Samples, holding_rows
from lockage.adapters.postgres.old_role import OldRole
from lockage.adapters.postgres.preparing import Prepared, Preparing
from lockage.adapters.postgres.reaching_out import reaches_out, reaching_names, words_of
from lockage.adapters.postgres.retyped import retyped
from lockage.adapters.postgres.session import foreign_errors
from lockage.adapters.postgres.session_beginnings import Beginnings, beginning_of
from lockage.adapters.postgres.strictness import read_strictness
from lockage.core.forecast.compatibility import (
    Break,
    Breaks,
    Sure,
    Unchecked,
    Why,
    is_of_values,
    sureness,
)
from lockage.core.forecast.strictness import Strictness, lost_labels, newly_secured
from lockage.core.forecast.trace import Failure
from lockage.core.migration.writes import writes_of
from lockage.core.release.statements import OldStatement
from lockage.core.sqlstate import (
    CHECK_VIOLATION,
    FEATURE_NOT_SUPPORTED,
    INSUFFICIENT_PRIVILEGE,
    INVALID_TEXT_REPRESENTATION,
    LOCK_NOT_AVAILABLE,
    NOT_NULL_VIOLATION,
)

_OF_UNITS = {FEATURE_NOT_SUPPORTED, "22023"}
"""What a unit meets that a type of time does not have. Source: PostgreSQL 18 manual, Appendix A."""

_SPREADS = re.compile(r"\*.*\w\"?\s*\(|\(.*\*", re.DOTALL)
"""A star beside a call, which may stand for the columns of a function's rows."""

CHECK_LIMIT_S = 60.0
"""For executing all statements once. Five thousand take about three seconds."""


class KeptStatements:
    """Statements on one kept session, as the protocol ``OldStatements`` asks for it.

    ``new_session`` gives a session of the same role that begins after the script. ``discreet``: there are rows of production's,
    and no value of theirs may stand in a message.
    """

    def __init__(
        self,
        session: psycopg.Connection[TupleRow],
        *,
        new_session: Callable[[], psycopg.Connection[TupleRow]] | None = None,
        role: OldRole | None = None,
        discreet: bool = False,
    ) -> None:
        self._session = session
        self._new_session = new_session
        self._role = role or OldRole()
        self._discreet = discreet
        self._samples = Samples(session)
        self._prepared: list[Prepared] = []
        self._before: dict[bytes, Failure | None] = {}
        self._unprivileged: set[bytes] = set()  # asked as whoever holds the session, since their role lacks a privilege
        self._words: frozenset[str] = frozenset()
        self._filled: Collection[int] | None = None
        self._unfilled: frozenset[int] = frozenset()  # had a made-up row before the script, and have none behind it
        self._free: list[Prepared] = []  # that a check may keep from what stands behind it
        self._free_before: dict[bytes, Failure | None] = {}
        self._free_filled: Collection[int] | None = None
        self._strictness = Strictness()
        self._beginnings: Beginnings

    def prepare(self, statements: Sequence[OldStatement]) -> tuple[Unchecked, ...]:
        """Prepares and executes all; gives those that prove nothing, with the reason."""
        with foreign_errors("preparing the old release's statements on the shadow"):
            reaching = reaching_names(self._session)
            inside = [each for each in statements if not reaches_out(each.text)]
            outside = [each for each in statements if reaches_out(each.text)]
            left_out = [Unchecked(statement=each, why=Why.OUTSIDE) for each in outside]
            preparing = Preparing(self._session)
            self._beginnings = Beginnings(self._session)
            for found in preparing.prepare(inside, path_of=self._path_of):
                if isinstance(found, Prepared):
                    self._prepared.append(found)
                else:
                    left_out.append(found)
            self._strictness = read_strictness(self._session)
            self._prepared += preparing.widen(self._prepared, hiding=names_that_hide(self._strictness))
            self._words = frozenset(word for each in self._prepared for word in words_of(each.text))
            late = self._execute_before(reaching)
            # Rows that are made up invalidate every plan, and these must be as they are in production.
            self._executing(reaching).run_as_kept(self._spread())
        return (*left_out, *late)

    def broken(self) -> Breaks:
        """Executes them again, each in a savepoint that is rolled back; gives those that fail or may, and what was left out."""
        with foreign_errors("executing the old release's statements on the shadow"):
            try:
                return self._broken()
            except psycopg.errors.LockNotAvailable:
                return Breaks(
                    unchecked=tuple(Unchecked(statement=p.statement, why=Why.LOCKED) for p in self._prepared if not p.widened)
                )

    def _broken(self) -> Breaks:
        reaching = reaching_names(self._session)
        now = read_strictness(self._session)
        executing = self._executing(reaching)
        untouched = executing.run_as_kept(self._spread())
        # What no change of the catalog invalidates is analysed anew too, as in a session that begins now.
        self._session.execute("discard plans")
        after = executing.run(self._prepared, Way.KEPT)
        # But a plan that is kept is kept: its rows have the columns that they had.
        after |= {name: was for name, was in untouched.items() if was is None and _is_of_plans(after.get(name))}
        self._unfilled = frozenset(self._filled or ()) - frozenset(executing.filled)
        suspects = [each for each in self._prepared if self._differs(each, after)]
        breaks = self._judged(executing, suspects, after, self._before, strict=now)
        breaks += self._unhidden(reaching, {each.statement for each in breaks}, strict=now)
        breaks += self._in_new_sessions(executing, {each.statement for each in breaks})
        breaks += self._misshapen({each.statement for each in breaks})
        retyped = self._retyped(executing, strict=now)
        breaks = [replace(each, kept_only=each.kept_only and each.statement not in retyped) for each in breaks]
        known = {each.statement for each in breaks}
        breaks += [each for statement, each in retyped.items() if statement not in known]
        breaks += self._parsed_anew(executing, {each.statement for each in breaks})
        breaks += self._demanded(now, {each.statement for each in breaks})
        known = {each.statement for each in breaks}
        secured = newly_secured(self._strictness, now)
        return Breaks(
            breaks=tuple(breaks),
            unchecked=tuple(self._unchecked(after, known)),
            remarks=(
                *(
                    f"row security was switched on for {table}: whoever is subject to it may see fewer rows, without a failure"
                    for table in secured
                ),
                *about_half_checked(self._prepared, self._before | self._free_before, broken=known),
            ),
        )

    def _unchecked(self, after: Mapping[bytes, Failure | None], broken: Collection[OldStatement]) -> Iterator[Unchecked]:
        for each in self._prepared:
            if each.widened:
                continue
            if each.cut and each.statement not in broken:
                yield Unchecked(statement=each.statement, why=Why.CUT, reason=each.cut)
                continue
            failure = after.get(each.name)
            if each.name not in after:
                yield Unchecked(statement=each.statement, why=Why.TIME)
            elif failure is not None and failure.sqlstate == LOCK_NOT_AVAILABLE:
                yield Unchecked(statement=each.statement, why=Why.LOCKED)

    def _execute_before(self, reaching: frozenset[str]) -> list[Unchecked]:
        executing = self._executing(reaching)
        before = executing.run(self._prepared, Way.KEPT)
        self._filled = executing.filled
        poor = [each for each in self._prepared if (f := before.get(each.name)) and f.sqlstate == INSUFFICIENT_PRIVILEGE]
        self._unprivileged = {each.name for each in poor if self._role_of(each)}
        before |= executing.run([each for each in poor if each.name in self._unprivileged], Way.KEPT)
        left = [each for each in self._prepared if each.name not in before]
        late = [Unchecked(statement=each.statement, why=Why.TIME) for each in left if not each.widened]
        self._prepared = [each for each in self._prepared if each.name in before]
        self._before = before
        self._execute_free(reaching)
        return late

    def _execute_free(self, reaching: frozenset[str]) -> None:
        """Executes without checks what a made-up value or the lack of a made-up row keeps from what stands behind a check."""
        self._free = behind_checks(self._prepared, self._before, self._strictness, held=holding_rows(self._session))
        executing = self._executing(reaching, free=True)
        self._free_before = executing.run(self._free, Way.KEPT)
        self._free = [each for each in self._free if each.name in self._free_before]
        self._free_filled = executing.filled

    def _spread(self) -> list[Prepared]:
        return [each for each in self._prepared if not each.widened and _SPREADS.search(each.text)]

    def _executing(self, reaching: frozenset[str], *, free: bool = False) -> Executing:
        return Executing(
            self._session,
            samples=self._samples,
            words=self._words,
            only=self._free_filled if free else self._filled,
            unchecked=free,
            role_of=self._role_of,
            plain_roles=self._role.plain,
            reaching=reaching,
            until=time.monotonic() + CHECK_LIMIT_S,
        )

    def _role_of(self, prepared: Prepared) -> str | None:
        return None if prepared.name in self._unprivileged else self._sender(prepared.statement)

    def _sender(self, statement: OldStatement) -> str | None:
        return statement.role or self._role.name

    def _path_of(self, statement: OldStatement) -> str | None:
        """Where the sessions of whoever sends it look for names, where that differs from the session's own."""
        path = self._beginnings.of(self._sender(statement)).search_path
        return None if path == self._beginnings.of(None).search_path else path

    def _differs(
        self,
        prepared: Prepared,
        after: Mapping[bytes, Failure | None],
        earlier: Mapping[bytes, Failure | None] | None = None,
    ) -> bool:
        before, now = (earlier or self._before)[prepared.name], after.get(prepared.name)
        return sureness(before, now, planning_fails=True, has_parameters=True) is not None

    # --- what fails -----------------------------------------------------------------------------------------------------------

    def begun(self, breaks: Collection[Break]) -> frozenset[Break]:
        """Those of the breaks that have begun by now, for finding out behind which statement of a script each begins."""
        with foreign_errors("executing the old release's statements on the shadow"):
            self._session.execute("discard plans")
            wanted = {each.statement: each for each in breaks}
            those = [each for each in self._prepared if each.statement in wanted]
            executing = self._executing(reaching_names(self._session))
            after = executing.run([each for each in those if wanted[each.statement].planning_fails], Way.KEPT, rows=False)
            after |= executing.run([each for each in those if not wanted[each.statement].planning_fails], Way.KEPT)
            found = {wanted[each.statement] for each in those if self._differs(each, after)}
            left = {statement for statement, each in wanted.items() if each not in found}
            if left:
                strict = read_strictness(self._session)
                met = {each.statement for each in self._misshapen(())}
                met |= self._retyped(executing, strict=strict, only=left).keys()
                free = [each for each in self._free if each.statement in left]
                behind = self._executing(reaching_names(self._session), free=True).run(free, Way.KEPT)
                met |= {each.statement for each in free if self._differs(each, behind, self._free_before)}
                if any(wanted[statement].sure is not Sure.CERTAIN for statement in left):  # nothing demanded makes one certain
                    met |= {each.statement for each in self._demanded(strict, ())}
                found |= {wanted[statement] for statement in left & met}
        return frozenset(found)

    def _judged(
        self,
        executing: Executing,
        suspects: Sequence[Prepared],
        after: Mapping[bytes, Failure | None],
        earlier: Mapping[bytes, Failure | None],
        *,
        strict: Strictness,
    ) -> list[Break]:
        if not suspects:
            return []
        planned = executing.run(suspects, Way.PLANNED)
        anew = executing.run(suspects, Way.ANEW)
        found: dict[OldStatement, Break] = {}
        for each in suspects:
            before, now = earlier[each.name], after[each.name]
            planning_fails = planned.get(each.name) is not None
            if planning_fails and each.loosened:
                continue
            sure = sureness(before, now, planning_fails=planning_fails, has_parameters=bool(each.types) or each.widened)
            if sure is None or now is None or each.statement in found:
                continue
            sure = self._weighed(each, now, sure, strict)
            kept_only = each.name in anew and anew[each.name] in {None, before}
            found[each.statement] = self._break(each, now, sure, kept_only=kept_only, planning_fails=planning_fails)
        return list(found.values())

    def _unhidden(self, reaching: frozenset[str], known: Collection[OldStatement], *, strict: Strictness) -> list[Break]:
        """What fails behind checks that made-up values do not meet."""
        executing = self._executing(reaching, free=True)
        left = [each for each in self._free if each.statement not in known]
        after = executing.run(left, Way.KEPT)
        suspects = [each for each in left if self._differs(each, after, self._free_before)]
        found = self._judged(executing, suspects, after, self._free_before, strict=strict)
        # A value that a check refuses may be the very one that fails.
        return [each if is_of_the_schema(each) else replace(each, sure=Sure.POSSIBLE) for each in found]

    def _weighed(self, prepared: Prepared, failure: Failure, sure: Sure, strict: Strictness) -> Sure:
        """The same in the light of how its values were made up."""
        if prepared.widened or (failure.sqlstate == NOT_NULL_VIOLATION and chooses(prepared.text)):
            # It met a row that it may never meet, or met none.
            return Sure.VALUES if sure is Sure.CERTAIN else Sure.POSSIBLE
        if failure.sqlstate == NOT_NULL_VIOLATION and any(self._samples.value(oid) is None for oid in prepared.types):
            return Sure.POSSIBLE
        if (
            failure.sqlstate == CHECK_VIOLATION
            and sure is Sure.POSSIBLE
            and not is_of_values(failure, writes_of(prepared.text), strict)
        ):
            return Sure.CERTAIN
        if prepared.guessed and failure.sqlstate in _OF_UNITS:
            return Sure.POSSIBLE
        if (
            failure.sqlstate == INVALID_TEXT_REPRESENTATION
            and set(prepared.types) & lost_labels(self._strictness, strict).keys()
        ):
            return Sure.VALUES  # the value was made up of a label that is gone
        return sure

    def _break(
        self,
        prepared: Prepared,
        failure: Failure,
        sure: Sure,
        *,
        kept_only: bool = False,
        planning_fails: bool = False,
    ) -> Break:
        return Break(
            statement=prepared.statement,
            sqlstate=failure.sqlstate,
            message=discreetly(failure.message, prepared.text) if self._discreet else failure.message,
            sure=sure,
            kept_only=kept_only,
            planning_fails=planning_fails,
        )

    def _in_new_sessions(self, executing: Executing, known: Collection[OldStatement]) -> list[Break]:
        """What fails where sessions begin otherwise: the script may have set a search_path for those to come, or read only."""
        if self._new_session is None:
            return []
        with self._new_session() as session:
            now = Beginnings(self._session, beginning=beginning_of(session))
        left = [each for each in self._prepared if each.statement not in known and not each.widened]
        found: list[Break] = []
        for role in dict.fromkeys(self._sender(each.statement) for each in left):
            begins, began = now.of(role), self._beginnings.of(role)
            if begins == began:
                continue
            path = begins.search_path if begins.search_path != began.search_path else None
            those = [
                each if path is None else replace(each, path=None) for each in left if self._sender(each.statement) == role
            ]
            after = executing.run(those, Way.ANEW, search_path=path, read_only=begins.read_only)
            how = "that may only read" if path is None else f"with search_path {path}"
            for each in those:
                failure = after.get(each.name)
                if failure is not None and self._differs(each, after):
                    message = f"{failure.message} (in sessions that begin after the script, {how})"
                    found.append(self._break(each, Failure(sqlstate=failure.sqlstate, message=message), Sure.CERTAIN))
        return found

    def _parsed_anew(self, executing: Executing, known: Collection[OldStatement]) -> list[Break]:
        """What fails where nobody says the types of its parameters: a kept statement keeps those that it was given."""
        left = [each for each in self._prepared if each.types and each.statement not in known and not each.widened]
        after = executing.run(left, Way.PARSED)
        found: list[Break] = []
        for each in left:
            failure = after.get(each.name)
            if failure is not None and failure.sqlstate.startswith("42"):
                message = f"{failure.message} (where the type of a parameter is not said)"
                found.append(self._break(each, Failure(sqlstate=failure.sqlstate, message=message), Sure.POSSIBLE))
        return found

    def _misshapen(self, known: Collection[OldStatement]) -> list[Break]:
        """Copies of whole tables that have other columns now."""
        found: list[Break] = []
        for each in self._prepared:
            if each.copied is None or each.path is not None or each.statement in known:
                continue
            copy, before = each.copied
            major = self._session.info.server_version // 10_000
            failure = misshapen(copy, before, shape_of(self._session, copy.table), major=major)
            if failure is not None:
                found.append(self._break(each, failure, Sure.CERTAIN))
        return found

    # --- what may fail --------------------------------------------------------------------------------------------------------

    def _retyped(
        self, executing: Executing, *, strict: Strictness, only: Collection[OldStatement] | None = None
    ) -> dict[OldStatement, Break]:
        """What fails on values that were good before where sessions learn the types of parameters anew."""
        those = [each for each in self._prepared if only is None or each.statement in only]
        found = retyped(self._session, executing, those, self._strictness, strict)
        return {each.statement: self._break(each, failure, Sure.VALUES) for each, failure in found}

    def _demanded(self, now: Strictness, known: Collection[OldStatement]) -> list[Break]:
        """What only values would show that nobody knows."""
        return demanded(self._session, self._prepared, self._strictness, now, known=known, unfilled=self._unfilled)


def _is_of_plans(failure: Failure | None) -> bool:
    return failure is not None and failure.sqlstate == FEATURE_NOT_SUPPORTED and failure.message.startswith("cached plan")
