"""Names, tokens and ids that seed and traffic agree on without talking: each follows from a number alone.

Must not be used outside the demonstration: whoever knows the number knows the secret. The SQL of the seed computes the same
values on the server; a test holds the two together.
"""

from __future__ import annotations

import hashlib
import uuid

SEEDED_USERS = 200
"""How many users the seed creates: enough for fan-out, few enough to be read at a glance."""

SEEDED_WORKSPACES = 600
"""How many workspaces the seed creates: three a user."""


def key_id(number: int) -> str:
    """The id of live key `number`, the first from 0."""
    return _md5(f"towpath-live-key-{number}")[:16]


def token(number: int) -> str:
    """The session token of live key `number`, valid in the header ``Towpath-Session-Token``."""
    return f"{key_id(number)}-{_md5(f'towpath-live-secret-{number}')}"


def workspace_id(number: int) -> str:
    """The id of workspace `number`, the first from 0."""
    return str(uuid.UUID(_md5(f"towpath-workspace-{number}")))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
