"""The schema of a deployment's database as text, for a bundle, taken only where nothing migrates.

Part of ``wiring``. The surprising thing: ``pg_dump`` locks every table against changes of it while it reads; it waits a second
for that and no longer, and the bundle goes on without.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing

from lockage.adapters.password_command import password_of
from lockage.adapters.postgres.binaries import embedded_binaries
from lockage.adapters.postgres.dump import dump_schema, way_for_programs
from lockage.adapters.postgres.session import connect
from lockage.core.diagnosis.findings import Case
from lockage.errors import RefusedError
from lockage.interfaces.deployments import Located
from lockage.interfaces.diagnosing import diagnosed
from lockage.interfaces.places import KubernetesPlace
from lockage.interfaces.wiring import password_of_located

LOCK_TIMEOUT_S = 1.0
"""Longest wait for the locks of all tables together: a diagnosis promises to wait for none any longer."""

LIMIT_S = 30.0
"""Longest run. Seen: 0.2 s for 120 tables."""


def dump_of(located: Located, case: Case) -> str:
    """The schema. Raises ``RefusedError`` (LK621) where it must not or cannot be taken, and as ``dump_schema`` does."""
    if case.evidence.database.looks is None:
        raise RefusedError("the database was not seen, so that nobody knows whether it is being migrated", code="LK621")
    if diagnosed(case).migrating is not None:
        raise RefusedError("a migration is under way, which locks of a dump could delay", code="LK621")
    with ExitStack() as stack:
        url, password = located.database_url, password_of_located(located)
        if isinstance(located.platform, KubernetesPlace):
            from lockage.interfaces.bundling_kubernetes import database_on_kubernetes  # noqa: PLC0415 - as ``wiring``

            url, command = database_on_kubernetes(located, located.platform, stack)
            password = password_of(command, url=url, environment=os.environ) if command else password
        if url is None:
            raise RefusedError("nobody says where the database is", code="LK621", hint="--database URL")
        limit_s = LOCK_TIMEOUT_S
        connection = stack.enter_context(
            closing(
                connect(
                    url,
                    what="bundle",
                    lock_timeout_s=limit_s,
                    statement_timeout_s=limit_s,
                    connect_timeout_s=3 * limit_s,
                    password=password,
                )
            )
        )
        way = stack.enter_context(way_for_programs(connection))
        dump = dump_schema(way, binaries=embedded_binaries(), lock_timeout_s=LOCK_TIMEOUT_S, statistics=False, limit_s=LIMIT_S)
    return dump.decode(errors="replace")
