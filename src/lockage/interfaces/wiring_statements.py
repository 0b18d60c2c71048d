"""Where the running release's statements come from: a file that was named, the profile, or the database itself.

Part of ``wiring``. The surprising thing: what was named alone counts; a file is not filled up from the database, since whoever
made it has chosen.
"""

# ruff: noqa: PLC0415 - adapters are imported by those who use them, as in ``wiring``

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lockage.core.release.statements import RunningRelease, of_application, running_release
from lockage.interfaces.wiring import statements_of
from lockage.settings import Settings

if TYPE_CHECKING:
    from lockage.core.forecast.saved_survey import SavedSurvey
    from lockage.interfaces.deployments import Deployment


def statements_in(file: Path) -> RunningRelease:
    """The statements of a file. Raises ``UsageError``: LK705 to LK707."""
    from lockage.adapters.sources.statement_file import read_statement_text
    from lockage.core.release.statement_files import read_statement_file

    return read_statement_file(read_statement_text(file), file="standard input" if str(file) == "-" else str(file))


def statements_seen(url: str, *, password: Callable[[], str] | None = None) -> RunningRelease:
    """Those that a live database has counted; why there are none is among the remarks."""
    from lockage.adapters.postgres.release_statements import read_release_statements

    return of_application(read_release_statements(url, watching=Settings().watching, password=password))


def statements_saved(survey: SavedSurvey) -> RunningRelease:
    """Those that were counted when a survey was saved."""
    return of_application(survey.statements.running)


def statements_running(deployment: Deployment, release: str) -> RunningRelease:
    """Those of a release of a deployment: its profile's, else those that its database has counted."""
    known = statements_of(deployment, release)
    if known:
        return running_release(known)
    return statements_seen(deployment.database_url, password=deployment.database_password)
