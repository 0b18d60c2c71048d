"""The forecast of a release from a survey's file alone: the file knows which application it is of, and which release ran.

Not for folders of migrations (``folder_forecast``). The surprising thing: nothing of the deployment is needed, but the profile
must bring the migrations; where it does not, the folder has to be named.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lockage.core.facts import LedgerState
from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.saved_survey import Surveyed
from lockage.core.forecast.unseen import unseen
from lockage.core.migration.formats.format import Transaction
from lockage.core.release.profile import Profile
from lockage.core.release.route import knowing, known_releases, last_migration
from lockage.core.release.statements import running_release
from lockage.core.release.version import normalised
from lockage.errors import UsageError
from lockage.flows.calibrate import calibrating
from lockage.flows.forecast import Beside, forecast_database
from lockage.interfaces.deployments import Deployment, brought_profiles, profile_named
from lockage.interfaces.hazards import hazard_question
from lockage.interfaces.offline import Offline, opened_survey, read_survey
from lockage.interfaces.places import LocalPlace
from lockage.interfaces.wiring import form_of, migrations_of, statements_of
from lockage.ports import Narrate


def forecast_of_release(file: Path, *, to: str | None, profile: str | None, here: Path, narrate: Narrate) -> Forecast:
    """The forecast of one step from the release that ran when the file was saved; ``to`` None: to the newest that is known.

    ``profile`` wins over the file's. Raises ``UsageError`` (LK003, LK715 to LK717) and what making a shadow raises.
    """
    about = read_survey(file).about
    known = profile_named(_profile(about, profile, file), here=here)
    deployment = Deployment(
        name=about.taken_of, profile=known, database_url="", platform=LocalPlace(folder=str(here)), beside=here
    )
    if about.release is None or not migrations_of(deployment):
        what = (
            "does not say which release ran" if about.release is None else f"is of {known.title}, whose migrations are not here"
        )
        raise _folder_needed(file, what)
    with opened_survey(file, ledger=known.migrations.ledger) as offline:
        target = normalised(to) if to else _newest(known)
        return _step(offline, deployment, _as_it_stands(offline, known, about.release), about.release, target, narrate)


def transaction_of(about: Surveyed) -> Transaction | None:
    """What is one transaction for the application that a file is of; None where it is not known."""
    if about.profile not in {profile.name for profile in brought_profiles()}:
        return None
    return profile_named(about.profile, here=Path()).migrations.transaction


def _profile(about: Surveyed, said: str | None, file: Path) -> str:
    if said is None and about.profile is None:
        raise _folder_needed(file, "is of a database, and does not say of which application")
    return said or about.profile or ""


def _folder_needed(file: Path, what: str) -> UsageError:
    return UsageError(f"{file} {what}", code="LK003", hint=f"name the migrations: --migrations DIR --survey {file}")


def _newest(profile: Profile) -> str:
    releases = known_releases(profile)
    if not releases:
        raise UsageError(f"profile {profile.name} knows no release by itself", code="LK003", hint="say which: --to RELEASE")
    return releases[-1]


def _as_it_stands(offline: Offline, profile: Profile, running: str) -> Profile:
    """The profile, which takes from the ledger where the running release ends."""
    ledger = offline.database.ledger(profile)
    if ledger.state is LedgerState.READ and ledger.version is not None and not ledger.dirty:
        return knowing(profile, running, ledger.version)
    return profile


def _step(offline: Offline, deployment: Deployment, profile: Profile, running: str, target: str, narrate: Narrate) -> Forecast:
    first, last = last_migration(profile, running), last_migration(profile, target)
    if first is None or last is None:
        reason = f"which migrations lead from {running} to {target} is not known"
        return unseen(reason=reason, typical_s=profile.vendor.typical_s)
    statements = statements_of(deployment, running)
    return forecast_database(
        migrations_of(deployment),
        url="",
        form=form_of(deployment),
        shadows=offline.shadows,
        narrate=narrate,
        from_version=first,
        to_version=last,
        transaction=profile.migrations.transaction,
        ledger=profile.migrations.ledger,
        statements=running_release(statements) if statements else offline.survey.statements.running,
        beside=Beside(
            hazards=replace(hazard_question(None), production=offline.production),
            calibrate=calibrating(offline.target, narrate=narrate),
            traffic=offline.traffic,
        ),
    )
