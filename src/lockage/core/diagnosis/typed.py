"""What a person types next: commands of Lockage with this deployment's name.

Not for running anything. The surprising thing: the deployment is named as it was found, with its namespace, so that the line
can be copied by somebody who never used Lockage. Of an application that nobody has described most commands first need a
profile, and one is written from what runs by the same line.
"""

from __future__ import annotations

import re
import shlex

from lockage.core.diagnosis.findings import Case

WITHOUT_PROFILE = frozenset({"diagnose", "bundle", "rbac"})
"""Commands that need no profile: they look at whatever is there."""


def lockage(case: Case, verb: str, *options: str) -> str:
    """``lockage VERB NAME -n NAMESPACE …``; with a profile written before it, where the command needs one and there is none."""
    evidence = case.evidence
    where = ("-n", evidence.namespace) if evidence.namespace else ()
    if not case.known and evidence.namespace and verb not in WITHOUT_PROFILE:
        if verb == "watch":  # looking again does as well, and needs nothing
            return lockage(case, "diagnose")
        profile = f"{evidence.deployment}.toml"
        written = f"lockage profile init {evidence.deployment} -n {evidence.namespace} -o {profile}"
        return " ".join((written, "&&", "lockage", verb, evidence.deployment, *where, "--profile", profile, *options))
    return " ".join(("lockage", verb, evidence.deployment, *where, *options))


def psql(case: Case, sql: str) -> str:
    """``psql -d DATABASE -c "SQL"``; the SQL has no double quotes of its own but those of ``identifier``."""
    server = case.evidence.database.server
    where = ("-d", shlex.quote(server.database)) if server is not None else ()
    return " ".join(("psql", *where, "-c", f'"{sql}"'))


_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED = frozenset(
    ("all", "analyse", "analyze", "check", "column", "constraint", "default", "desc", "grant", "group", "limit", "offset",
     "order", "primary", "references", "select", "table", "to", "union", "unique", "user", "when", "where", "with")
)  # fmt: skip
"""Words that people name things by, and that stand for themselves only in quotes. Source: PostgreSQL 18, appendix C."""


def identifier(name: str) -> str:
    """A name, perhaps with its schema, as it stands inside of ``psql -c "…"``: in quotes where it needs them."""

    def one(part: str) -> str:
        if _PLAIN.fullmatch(part) and part not in _RESERVED:
            return part
        inside = part.replace('"', '""')
        return '\\"' + re.sub(r'([\\"$`])', r"\\\1", inside) + '\\"'

    return ".".join(one(part) for part in name.split(".", 1))


def standbys_shown(case: Case) -> str:
    """What shows which standbys there are, and how far behind."""
    return psql(case, "SELECT application_name, state, sync_state, replay_lag FROM pg_stat_replication")
