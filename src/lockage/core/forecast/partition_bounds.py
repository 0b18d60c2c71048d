"""Whether the partitions of a table take every row, as far as their bounds tell without their values.

Not for which rows fit into one (``checks``). The surprising thing: a range without end does not take NULL.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_BOUNDS = re.compile(r"FROM \((?P<lower>.*)\) TO \((?P<upper>.*)\)", re.DOTALL)
_HASH = re.compile(r"modulus (?P<modulus>\d+)")


def takes_every_row(bounds: Collection[str], *, key_never_null: bool) -> bool:
    """``bounds`` as PostgreSQL prints them; ``key_never_null``: every part of the key is NOT NULL."""
    if "DEFAULT" in bounds:
        return True
    shares = [1 / int(found["modulus"]) for bound in bounds if (found := _HASH.search(bound))]
    if shares:
        return sum(shares) > 1 - 1e-9
    steps = {found["lower"]: found["upper"] for bound in bounds if (found := _BOUNDS.search(bound))}
    place: str | None = "MINVALUE"
    while place is not None and place != "MAXVALUE":
        place = steps.pop(place, None)
    return place is not None and key_never_null
