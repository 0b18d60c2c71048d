"""What the database says of the role that a replica asks as, beside what the replica was told at its login.

Not for privileges (``families.privileges``). The surprising thing: to a role that is not there, a password whose
time is over and a wrong password the server says the same, lest a stranger learns which it was. ``pg_roles`` tells who is in.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockage.core.diagnosis.findings import Case, Exhibit
from lockage.core.diagnosis.typed import identifier, psql


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFact:
    """What is so of the role, and explains why it does not get in."""

    words: str  # a clause
    exhibit: Exhibit
    next: str


def asks_as_nobody(case: Case, message: str) -> bool:
    """Whether the role whose password is refused does not exist."""
    absent = case.evidence.database.absent_role
    return absent is not None and f'"{absent}"' in message


def fact_of_role(case: Case, code: str, message: str) -> RoleFact | None:
    """What explains F019 or F023 of a message; None where nothing that was seen does."""
    database = case.evidence.database
    if code == "F023" and database.absent_role is not None and asks_as_nobody(case, message):
        return RoleFact(
            words=f"there is no role {database.absent_role} in this server",
            exhibit=Exhibit(source="pg_roles", text=f"no role {database.absent_role}"),
            next=psql(case, "SELECT rolname, rolcanlogin FROM pg_roles ORDER BY rolname"),
        )
    limits = database.limits
    until = limits.password_until if limits is not None else None
    if code != "F019" or limits is None or until is None or until > case.evidence.at or f'"{limits.role}"' not in message:
        return None
    change = psql(case, f"ALTER ROLE {identifier(limits.role)} VALID UNTIL 'infinity'")
    return RoleFact(
        words=f"the password of role {limits.role} ended on {until:%Y-%m-%d %H:%M} UTC (VALID UNTIL)",
        exhibit=Exhibit(source="pg_roles", text=f"rolvaliduntil of {limits.role} is {until:%Y-%m-%d %H:%M:%S} UTC"),
        next=f"as a superuser: {change}, or give it a new password with a later end",
    )
