"""All values of a release as it stands, the chart's own included.

Not for an upgrade, which begins from the user's own values (``revisions``). The surprising thing: they may hold secrets, so
that whoever asks takes names out of them, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from lockage.adapters.helm.program import Helm, refused


def all_values(helm: Helm, release: str, *, where: Sequence[str]) -> Mapping[str, object]:
    """The values by name. Raises ``RefusedError`` (LK512) or ``UnreachableError`` (LK513)."""
    done = helm.run(["get", "values", release, "--all", *where, "--output=json"])
    if done.code != 0:
        raise refused(done, f"the values of release {release} cannot be read")
    return msgspec.json.decode(done.out, type=dict[str, object] | None) or {}
