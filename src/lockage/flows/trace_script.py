"""Execute a script on a shadow as its migrator would, and keep what each statement did.

Not for production, and not for judging: ``core.forecast`` does that. The surprising thing: a statement that fails does not end
the trace. It is taken back and the script goes on, because most of what fails on a shadow fails for want of data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from lockage.core.facts import Relation
from lockage.core.forecast.names import oids, resolve
from lockage.core.forecast.outside import reaches_outside, stopped_at
from lockage.core.forecast.row_ledger import RowLedger
from lockage.core.forecast.trace import Observation, Trace, Traced
from lockage.core.migration.formats.format import Transaction
from lockage.core.migration.gathered import gathered, gathered_again
from lockage.core.migration.ledger import Ledger
from lockage.core.migration.procedure import body_reaches_outside
from lockage.core.migration.replication_role import Quiet, quiet_after
from lockage.core.migration.script import Migration
from lockage.core.migration.statement import prepared_in, split_statements
from lockage.core.migration.syntax import Control, Name, Statement
from lockage.core.sqlstate import FOREIGN_KEY_VIOLATION
from lockage.errors import RefusedError
from lockage.flows.trace_runs import COMMITTED_AT_ONCE, FAILURES_TOLD, planned_of, plans_by_text
from lockage.ports import Narrate, TracedSession

CONNECTION_EXCEPTION = "08"
"""Class of the failures with which a session is lost. Source: PostgreSQL 18 manual, Appendix A."""

_SAVEPOINT = "lockage_trace"
_OF_TRANSACTION = re.compile(r"set\s+(local\s+|session\s+)?transaction", re.IGNORECASE)  # never in a subtransaction
# They leave SET TRANSACTION its place. Source: PostgreSQL 18, src/backend/tcop/pquery.c, PlannedStmtRequiresSnapshot.
_NO_QUERY = {"variable_set_stmt", "variable_show_stmt", "transaction_stmt"}


def trace_script(
    session: TracedSession,
    migrations: Sequence[Migration],
    *,
    transaction: Transaction,
    ledger: Ledger | None = None,
    narrate: Narrate,
    relations: Sequence[Relation] = (),
) -> Trace:
    """The trace of the migrations, executed in order under the transaction model.

    ``relations``: production's sizes, where they are known; the shadow's planner is then told behind each statement what that
    has made of them.
    Raises ``UsageError`` (LK401) for SQL that does not parse, before anything is executed, and ``RefusedError`` (LK695) for a
    statement that will not be cancelled.
    """
    scripts = [(migration, gathered(migration.statements())) for migration in migrations]
    tracer = _Tracer(
        session,
        ledger=ledger,
        narrate=narrate,
        statements=sum(len(s.alike) or 1 for _, those in scripts for s in those),
        relations=relations,
    )
    if transaction == "whole":
        tracer.open_transaction()
    for migration, statements in scripts:
        tracer.note_in_ledger(migration)
        match transaction:
            case "whole":
                tracer.run_as_query(migration.file, statements, keep_open=True)
            case "file":
                tracer.run_as_sent(migration)
            case "statement":
                tracer.run_each(migration.file, statements)
        tracer.note_in_ledger(migration)
    tracer.close_transaction()
    return tracer.trace()


class _Tracer:
    """Keeps where the script stands: catalog, rules, transaction."""

    def __init__(
        self,
        session: TracedSession,
        *,
        ledger: Ledger | None,
        narrate: Narrate,
        statements: int,
        relations: Sequence[Relation],
    ) -> None:
        self._session = session
        self._narrate = narrate
        self._count = statements
        self._start = self._mark = session.mark()
        self._rules = session.rules()
        self._prepared: dict[str, Statement] = {}  # by the names that the script has given them
        self._quiet: Quiet | None = None
        self._steps: list[Traced] = []
        # Code that reaches out is there, or was made: whatever uses it must be known in front of each statement.
        self._wary = bool(self._rules.routine_list.outside)
        self._reached = 0
        self._number = 0
        self._open = False  # a transaction is open in the session
        self._explicit = False  # … that only the script's own COMMIT, or the migrator's, ends
        self._begun = False  # … and a statement of the script has run in it
        known = ledger is not None and bool(resolve(_table(ledger.table), self._start))
        self._ledger = ledger if known else None
        self._sizes = RowLedger(self._start, relations, sizes_known=True) if relations else None
        self._sizes_told = self._sizes is not None and session.tell(self._sizes.take_news(self._start))

    def trace(self) -> Trace:
        # What the migrator notes behind its last migration bears that one's number, and not one that nobody counts.
        last = max(self._number, 1)
        steps = (step if step.transaction <= last else replace(step, transaction=last) for step in self._steps)
        return Trace(start=self._start, statements=tuple(steps), transactions=self._number)

    def open_transaction(self, *, explicit: bool = True) -> None:
        if not self._open:
            self._session.execute("BEGIN")
            self._open, self._explicit, self._begun = True, explicit, False

    def close_transaction(self) -> None:
        """Commit what is open; a failure of that (a deferred constraint) is traced like a statement's."""
        if not self._open:
            return
        observation = self._session.execute("COMMIT")
        self._open = self._explicit = False
        if not self._begun:
            return
        last = self._steps[-1]
        if observation.failure is not None:
            commit = replace(split_statements("COMMIT", file="")[0], line=last.statement.line)
            observation = replace(observation, locks=last.observation.locks)
            self._keep(last.file, commit, observation)
        self._end()

    def run_each(self, file: str, statements: Iterable[Statement]) -> None:
        """Every statement by itself, but for what the script puts between ``BEGIN`` and ``COMMIT``."""
        for statement in statements:
            self._one(file, statement)

    def run_as_query(self, file: str, statements: Sequence[Statement], *, keep_open: bool) -> None:
        """All of a file as one Query: what no ``BEGIN`` of its own encloses is one transaction all the same."""
        for statement in statements:
            self.open_transaction(explicit=False)
            self._one(file, statement)
        if not self._explicit and not keep_open:
            self.close_transaction()

    def run_as_sent(self, migration: Migration) -> None:
        """A file as its migrator sends it: in one transaction of the migrator's, as one Query, or each statement by itself."""
        for sent in migration.sent():
            enclosed = sent.sending.enclosed
            if enclosed:
                self.open_transaction()
            statements = gathered(sent.statements)
            if sent.sending.by_statement or len(sent.statements) == 1:
                self.run_each(migration.file, statements)
            else:
                self.run_as_query(migration.file, statements, keep_open=enclosed)
            if enclosed:
                self.close_transaction()

    def note_in_ledger(self, migration: Migration) -> None:
        """What the migrator writes about a migration; in the open transaction, or in one of its own."""
        if self._ledger is None:
            return
        own = not self._open
        statements = split_statements(";\n".join(self._ledger.statements(migration.version)), file="ledger")
        number, begun = self._number, self._begun
        self.open_transaction()
        for statement in statements:
            self._one(migration.file, replace(statement, line=1), of_migrator=True)
        if own:
            self.close_transaction()
            # Its own transaction bears the number of its migration's: nobody counts the migrator's.
            self._number, self._begun = max(number, 1) if begun or number else number, False

    def _one(self, file: str, statement: Statement, *, of_migrator: bool = False) -> None:
        if statement.alike:
            self._run(file, statement)
            return
        statement = self._as_prepared(statement)
        if not of_migrator:
            self._reach(file, statement)
        self._count_transaction()
        needs_rules = (statement.changes or statement.calls or statement.procedure or self._wary) and not of_migrator
        if needs_rules:
            self._rules = self._session.rules()
        skipped = reaches_outside(statement, mark=self._mark, rules=self._rules)
        if skipped is not None:
            self._keep(file, statement, self._unchanged(), skipped=skipped)
            return
        observation = self._execute(statement, file=file)
        if (how := stopped_at(observation.failure)) is not None:
            self._keep(file, statement, self._unchanged(), skipped=f"{how}, which reaches out of the database")
            return
        self._wary |= statement.node == "create_foreign_table_stmt" or (
            statement.node == "create_function_stmt" and body_reaches_outside(statement.text) is not None
        )
        was_open, self._open = self._open, observation.in_transaction
        if statement.control is Control.BEGIN:
            self._explicit = True
        self._keep(file, statement, observation, of_migrator=of_migrator)
        if statement.node == "variable_set_stmt" and observation.failure is None:
            self._quiet = quiet_after(statement.text, self._quiet)
        if was_open and not self._open:
            self._explicit = self._begun = False
            self._quiet = None if self._quiet == "local" else self._quiet
        if statement.chained:
            self._begun = False  # COMMIT AND CHAIN: open again at once, but another one

    def _reach(self, file: str, statement: Statement) -> None:
        self._narrate(f"statement {self._reached + 1} of {self._count}: {file}:{statement.line} {statement.headline}")
        self._reached += len(statement.alike) or 1

    def _count_transaction(self) -> None:
        if not self._begun or not self._open:
            self._number += 1
            self._begun = True

    def _run(self, file: str, run: Statement) -> None:
        """Statements that are alike: executed one after the other, and read once for all; those that fail by themselves."""
        self._rules = self._session.rules()
        skipped = reaches_outside(run, mark=self._mark, rules=self._rules)
        failed, left = 0, run.alike
        while left:
            part = gathered_again(left if self._open else left[:COMMITTED_AT_ONCE])
            those = part.alike or (part,)
            observation, done = (self._unchanged(), len(those)) if skipped else self._together(those)
            if done < len(those) and failed >= FAILURES_TOLD:
                part, those, done = gathered_again(left), left, len(left)
                observation = replace(self._unchanged(), failure=observation.failure)
            if done == len(those):
                self._reach(file, part)
                self._keep_run(file, part, observation, skipped=skipped)
                left = left[done:]
                continue
            if done:
                self._run_well(file, left[:done])
            self._one(file, left[done])
            failed, left = failed + 1, left[done + 1 :]

    def _run_well(self, file: str, those: Sequence[Statement]) -> None:
        """Statements that were seen to end well; what does not do so again is traced one by one."""
        observation, done = self._together(those)
        if done == len(those):
            part = gathered_again(those)
            self._reach(file, part)
            self._keep_run(file, part, observation)
            return
        for statement in those:
            self._one(file, statement)

    def _together(self, those: Sequence[Statement]) -> tuple[Observation, int]:
        """What they did together, and how many ended well before one that did not; then nothing of them stays."""
        texts = [each.text for each in those]
        if not self._open:
            return self._session.execute_all(texts, planned=range(len(those)))
        planned = planned_of(those, mark=self._mark, rules=self._rules)
        self._session.command(f"SAVEPOINT {_SAVEPOINT}")
        observation, done = self._session.execute_all(texts, planned=planned)
        if _misses_a_parent(observation):
            self._session.command(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            self._session.command("SET LOCAL session_replication_role = replica")
            observation, done = self._session.execute_all(texts, planned=planned)
            if observation.failure is None:
                self._session.command("SET LOCAL session_replication_role = origin")
        if observation.failure is not None:
            self._session.command(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        self._session.command(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        return observation, done

    def _keep_run(self, file: str, run: Statement, observation: Observation, *, skipped: str | None = None) -> None:
        """The run as one statement of its transaction; or each as one of its own, where each commits by itself."""
        if self._open or not run.alike or observation.failure is not None:
            self._count_transaction()
            self._keep(file, run, observation, skipped=skipped)
            return
        plans = plans_by_text(observation, {each.text for each in run.alike})
        for number, each in enumerate(run.alike):
            self._count_transaction()
            own = replace(observation, plans=plans.get(each.text, ()), mark=None if number else observation.mark)
            self._keep(file, each, own, skipped=skipped)

    def _as_prepared(self, statement: Statement) -> Statement:
        """What an EXECUTE stands for."""
        if statement.node == "prepare_stmt" and (inner := prepared_in(statement)) is not None:
            self._prepared[statement.handle] = inner
        meant = self._prepared.get(statement.handle) if statement.node == "execute_stmt" else None
        return statement if meant is None else replace(meant, text=statement.text, line=statement.line)

    def _execute(self, statement: Statement, *, file: str) -> Observation:
        inner = statement.procedure is not None or bool(statement.calls)
        guarded = self._open and self._may_be_taken_back(statement)
        if guarded:
            self._session.command(f"SAVEPOINT {_SAVEPOINT}")
        analyzes = oids(statement.names, self._mark) if statement.node == "vacuum_stmt" and self._sizes else None
        observation = self._session.execute(statement.text, inner=inner, analyzes=analyzes)
        if observation.failure is None:
            if guarded:
                self._session.command(f"RELEASE SAVEPOINT {_SAVEPOINT}")
            return observation
        if observation.failure.sqlstate.startswith(CONNECTION_EXCEPTION) and stopped_at(observation.failure) is None:
            raise RefusedError(
                f"{file}:{statement.line} cannot be traced: {observation.failure.message} ({statement.headline})",
                code="LK695",
                hint="does it loop, and go on when it is cancelled? Forecast the migrations before it: --to",
            )
        if guarded:
            self._session.command(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
        again = self._without_foreign_keys(statement, inner=inner) if _misses_a_parent(observation) else None
        if again is None:
            again = replace(self._unchanged(), failure=observation.failure, plans=observation.plans)
        if guarded:
            self._session.command(f"RELEASE SAVEPOINT {_SAVEPOINT}")
        return again

    def _may_be_taken_back(self, statement: Statement) -> bool:
        """Whether a savepoint before it changes nothing; where SET TRANSACTION comes too late, it fails with one or without."""
        if statement.node == "transaction_stmt":
            return False
        if statement.node != "variable_set_stmt" or not _OF_TRANSACTION.match(statement.text):
            return True
        return any(step.transaction == self._number and step.statement.node not in _NO_QUERY for step in self._steps[-100:])

    def _without_foreign_keys(self, statement: Statement, *, inner: bool) -> Observation | None:
        """The same without looking for parents: which of their rows it locks is known from the catalog."""
        own = not self._open
        if own:
            self._session.execute("BEGIN")
        self._session.command("SET LOCAL session_replication_role = replica")
        observation = self._session.execute(statement.text, inner=inner)
        if observation.failure is not None:
            self._session.command("ROLLBACK" if own else f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")
            return None
        self._session.command("SET LOCAL session_replication_role = origin")
        if own:
            self._session.execute("COMMIT")
        return replace(observation, in_transaction=not own)

    def _unchanged(self) -> Observation:
        last = self._steps[-1].observation if self._steps else None
        held = last.locks if last is not None and self._open and last.in_transaction else ()
        return Observation(locks=held, in_transaction=self._open)

    def _keep(
        self,
        file: str,
        statement: Statement,
        observation: Observation,
        *,
        skipped: str | None = None,
        of_migrator: bool = False,
    ) -> None:
        before = self._mark
        if observation.mark is not None:
            self._mark = observation.mark
        self._steps.append(
            Traced(
                file=file,
                statement=statement,
                transaction=self._number,
                observation=observation,
                before=before,
                after=self._mark,
                rules=self._rules if self._quiet is None else replace(self._rules, foreign_keys=(), triggers=()),
                skipped=skipped,
                of_migrator=of_migrator,
                sizes_told=self._sizes_told,
            )
        )
        if self._sizes is not None:
            self._sizes.note(self._steps[-1])
            self._sizes_told &= self._session.tell(self._sizes.take_news(self._mark))

    def _end(self) -> None:
        if self._sizes is not None:
            self._sizes.end_transaction()
        self._quiet = None if self._quiet == "local" else self._quiet
        last = self._steps[-1]
        self._steps[-1] = replace(last, observation=replace(last.observation, in_transaction=False))
        self._begun = False


def _misses_a_parent(observation: Observation) -> bool:
    return observation.failure is not None and observation.failure.sqlstate == FOREIGN_KEY_VIOLATION


def _table(name: str) -> Name:
    schema, _, table = name.rpartition(".")
    return Name(schema=schema or None, name=table)
