"""Surveys that are kept in a file, and forecasts from one: on a machine that never sees the database.

Part of ``wiring``. The surprising thing: a forecast from a file asks the shadow for the ledger, as it would ask production, for
the shadow has its rows; so both ways share everything behind the shadow.

Codes: LK718 the file cannot be written.
"""

# ruff: noqa: PLC0415 - adapters are imported by those who use them, as in ``wiring``

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lockage.core.forecast.grants import grants_to_read
from lockage.core.forecast.production import Production
from lockage.core.forecast.saved_survey import FOLDER, SavedSurvey, SurveyFile, SurveySaved, packed, unpacked
from lockage.core.forecast.target_reading import Sample, TargetReading
from lockage.core.forecast.traffic import Traffic
from lockage.errors import RefusedError
from lockage.interfaces.wiring import system_clock
from lockage.settings import Settings

if TYPE_CHECKING:
    from lockage.ports import Database, Narrate, Shadows, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """A shadow of what a file's survey was taken of, in the places of production and of what makes shadows."""

    shadows: Shadows
    database: Database
    target: Target
    survey: SavedSurvey

    @property
    def production(self) -> Production:
        """What endangers a script on the server, as it was."""
        return self.survey.server.production or Production()

    @property
    def traffic(self) -> Traffic:
        """How much went on; who is at work now is in no file."""
        saved = self.survey.statements
        return Traffic(
            statements=saved.loads,
            counted_since=saved.counted_since,
            free_connections=saved.free_connections,
            orders=saved.orders,
            problems=(*saved.problems, "who stands in the way is in no file: it would be another when the script runs"),
        )


class SavedTarget:
    """What a server said of its speed when the survey was taken; nothing can be timed on it any more."""

    def __init__(self, survey: SavedSurvey) -> None:
        self._survey = survey

    def reading(self) -> TargetReading:
        """What settings, views and a short query told; where they could not be asked, the major alone; the file says why."""
        return self._survey.server.reading or TargetReading(major=self._survey.about.version_num // 10_000)

    def require_writes(self) -> None:
        """Nothing: none are made."""

    def timed_reads(self, relations: Sequence[str], *, narrate: Narrate) -> tuple[Sample, ...]:
        """No samples: a file is no server."""
        del relations, narrate
        return ()

    def timed_writes(self, *, narrate: Narrate) -> tuple[Sample, ...]:
        """No samples: a file is no server."""
        del narrate
        return ()


def save_survey(
    url: str,
    file: Path,
    *,
    taken_of: str | None = None,
    ledger: str | None = None,
    release: str | None = None,
    profile: str | None = None,
    with_values: bool = False,
    password: Callable[[], str] | None = None,
    settings: Settings | None = None,
) -> SurveySaved:
    """What was written; the rest as ``take_survey``. Raises as that, and ``RefusedError`` (LK718) where nothing can be."""
    from lockage.adapters.bundle_archive import write_bundle
    from lockage.adapters.postgres.survey_taking import take_survey

    at = system_clock().now()
    survey = take_survey(
        url,
        taken_of=taken_of,
        at=at,
        made_by=f"lockage {version('lockage')}",
        ledger=ledger,
        with_values=with_values,
        release=release,
        profile=profile,
        settings=settings,
        password=password,
    )
    contents, files = packed(survey)
    file = file.expanduser()
    try:
        size, digest = write_bundle(file, files, folder=FOLDER, at=at)
    except RefusedError as error:
        raise RefusedError(error.message, code="LK718", hint="choose another file: --save FILE") from error
    return _saved(file, size, digest, contents, survey)


def read_survey(file: Path) -> SavedSurvey:
    """The survey in a file. Raises ``UsageError``: LK715 to LK717."""
    from lockage.adapters.survey_file import read_survey_files
    from lockage.core.forecast.dump_parts import check_orders, check_schema

    survey = unpacked(read_survey_files(file.expanduser()), source=str(file))
    check_schema(survey.schema_sql, source=str(file))
    catalog = survey.catalog
    check_orders((order for one in catalog.extensions for order in one.orders), source=str(file))
    check_orders((order for one in catalog.unread for _, order in one.orders), source=str(file))
    return survey


@contextmanager
def opened_survey(file: Path, *, ledger: str | None) -> Generator[Offline]:
    """A shadow made from a file, for one forecast. Raises as ``read_survey`` and ``EmbeddedShadows.of_survey``."""
    from lockage.adapters.postgres.database import PostgresDatabase
    from lockage.adapters.postgres.one_shadow import OneShadow
    from lockage.adapters.postgres.shadow import EmbeddedShadows

    survey = read_survey(file)
    with (
        EmbeddedShadows(ledger=ledger).of_survey(survey) as shadow,
        closing(PostgresDatabase(shadow.url)) as database,
    ):
        yield Offline(shadows=OneShadow(shadow), database=database, target=SavedTarget(survey), survey=survey)


def _saved(file: Path, size: int, digest: str, contents: SurveyFile, survey: SavedSurvey) -> SurveySaved:
    about = survey.about
    return SurveySaved(
        file=str(file),
        size_bytes=size,
        sha256=digest,
        contents=contents,
        tables=sum(relation.kind in {"r", "p"} for relation in survey.relations),
        statements=len(survey.statements.running.statements),
        ledgers=tuple(f"{ledger.schema}.{ledger.name}" for ledger in survey.ledgers),
        masked=about.masked,
        with_values=about.with_values,
        small_tables=len(survey.small_tables),
        unreadable=tuple(f"{schema}.{name}" for schema, name in about.unreadable),
        problems=about.problems,
        grants=tuple(grants_to_read(about.unreadable, relations=survey.relations, role=about.asker)) if about.asker else (),
    )
