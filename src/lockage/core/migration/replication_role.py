"""Whether a script has silenced foreign keys and triggers, by ``session_replication_role``.

Not for what a role or a database sets by itself: only the script's own words are read. The surprising thing: the server has no
counter of what did not fire, so the words are all there is.
"""

from __future__ import annotations

import re
from typing import Literal

Quiet = Literal["local", "session"]
"""Until when neither foreign keys nor triggers fire: the transaction's end, or the session's."""

_ROLE = re.compile(
    r"(?P<how>set|reset)\s+(?P<local>local\s+)?(?:session\s+)?session_replication_role\b\W*(?:to\b)?\W*(?P<value>\w*)"
)


def quiet_after(text: str, before: Quiet | None) -> Quiet | None:
    """What holds behind a ``SET`` or ``RESET`` that ended well; ``before`` where it is about something else."""
    found = _ROLE.match(" ".join(text.lower().split()))
    if found is None:
        return before
    if found["value"] != "replica":
        return None
    return "local" if found["local"] else "session"
