"""The mark of statements of ours that touch an application's own tables, by which its counted statements are told from them.

Not for statements that look at the catalog only: those are known by what they name. The surprising thing: the mark stands at
the end. ``pg_stat_statements`` keeps comments, but from PostgreSQL 18 on not those in front of a statement.
"""

from __future__ import annotations

from psycopg import sql

OWN_MARK = "/* lockage */"
"""As in ``sql/select_release_statements.sql`` and ``sql/select_statement_load.sql``, which leave such statements out."""


def marked(statement: sql.Composable) -> sql.Composed:
    """The same statement as one of ours; it must be one alone, without a semicolon."""
    return sql.SQL("{} {}").format(statement, sql.SQL(OWN_MARK))
