"""As whom the old release works, so that its statements are tried with its rights and no others.

Not for logging in anywhere. The surprising thing: a superuser is passed over, for whoever takes the survey may be one while the
application is none.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from lockage.adapters.postgres.original import Original


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRole:
    """As whom the old release works."""

    name: str | None = None  # where a statement does not say; None: as whoever holds the session
    plain: Collection[str] = ()  # roles that are no superusers in production


def old_role_of(original: Original | None) -> OldRole:
    """As whom the old release works: the role that was asked with, or the tables' owner; never as a superuser by mistake."""
    if original is None:
        return OldRole()
    plain = frozenset(role.name for role in original.roles) - original.superusers
    name = next((role for role in (original.asker, original.migrating_role) if role in plain), None)
    return OldRole(name=name, plain=plain)
