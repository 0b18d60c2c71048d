"""What a person types next: commands of Lockage with this deployment's name.

Not for running anything. The surprising thing: the deployment is named as it was found, with its namespace, so that the line
can be copied by somebody who never used Lockage.
"""

from __future__ import annotations

from lockage.core.diagnosis.findings import Case


def lockage(case: Case, verb: str, *options: str) -> str:
    """``lockage VERB NAME -n NAMESPACE …``."""
    evidence = case.evidence
    where = ("-n", evidence.namespace) if evidence.namespace else ()
    return " ".join(("lockage", verb, evidence.deployment, *where, *options))


def psql(case: Case, sql: str) -> str:
    """``psql -d DATABASE -c "SQL"``; the SQL has no double quotes of its own."""
    server = case.evidence.database.server
    where = ("-d", server.database) if server is not None else ()
    return " ".join(("psql", *where, "-c", f'"{sql}"'))
