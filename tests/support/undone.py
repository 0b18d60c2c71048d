"""Shadows on which nothing stays: one server serves many forecasts, since every COMMIT of a trace is a ROLLBACK."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from lockage.core.catalog.objects import CatalogObject
from lockage.core.facts import Relation
from lockage.core.forecast.beliefs import TableBelief
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Observation
from lockage.ports import OldStatements, Shadow, TracedSession


class UndoneSession:
    def __init__(self, session: TracedSession) -> None:
        self._session = session

    def mark(self) -> CatalogMark:
        return self._session.mark()

    def rules(self) -> CatalogRules:
        return self._session.rules()

    def tell(self, beliefs: Sequence[TableBelief]) -> bool:
        return self._session.tell(beliefs)

    def execute(self, sql: str, *, inner: bool = False, analyzes: Sequence[int] | None = None) -> Observation:
        return self._session.execute("ROLLBACK" if sql == "COMMIT" else sql, inner=inner, analyzes=analyzes)

    def execute_all(self, texts: Sequence[str], *, planned: Collection[int]) -> tuple[Observation, int]:
        return self._session.execute_all(texts, planned=planned)

    def command(self, sql: str) -> None:
        self._session.command(sql)


class UndoneShadow:
    """One shadow, asked for again and again."""

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = shadow
        self.major = shadow.major
        self.assumptions = shadow.assumptions
        self._catalog = shadow.catalog()

    def relations(self) -> tuple[Relation, ...]:
        return self._shadow.relations()

    def catalog(self) -> tuple[CatalogObject, ...]:
        return self._catalog

    def twin(self) -> AbstractContextManager[Shadow]:
        raise NotImplementedError("there is one alone")

    def run(self, sql: str) -> None:
        raise NotImplementedError("that would stay")

    @contextmanager
    def session(self) -> Iterator[TracedSession]:
        with self._shadow.session() as session:
            yield UndoneSession(session)

    @contextmanager
    def statements(self) -> Iterator[OldStatements]:
        with self._shadow.statements() as statements:
            yield statements


class UndoneShadows:
    """Always the same shadow, whatever database is named."""

    def __init__(self, shadow: Shadow) -> None:
        self._shadow = UndoneShadow(shadow)

    @contextmanager
    def of_database(self, url: str) -> Iterator[Shadow]:
        del url
        yield self._shadow

    @contextmanager
    def empty(self, *, major: int | None = None) -> Iterator[Shadow]:
        del major
        yield self._shadow
