"""The profile of an application of which only the migrations are known.

Not for deployments: nothing in it would find a workload. The surprising thing: it knows no releases, so everything that is said
with its help is said of migrations by their numbers.
"""

from __future__ import annotations

from typing import Literal

from lockage.core.release.profile import DatabaseProfile, MigrationsProfile, Profile, VersionProfile, WorkloadProfile


def profile_of_migrations(
    *,
    form: Literal["golang-migrate", "plain"],
    source: str,
    transaction: Literal["whole", "file", "statement"],
    ledger: str,
) -> Profile:
    """A profile that says where the migrations and their ledger (``schema.table``) are, and nothing else."""
    return Profile(
        schema="lockage.profile/1",
        name="migrations",
        title="a folder of migrations",
        workload=WorkloadProfile(image=""),
        version=VersionProfile(),
        database=DatabaseProfile(),
        migrations=MigrationsProfile(format=form, source=source, transaction=transaction, ledger=ledger, releases={}),
    )
