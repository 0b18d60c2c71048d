"""The forecast of a script that nobody has seen: everything in it is unknown, and counts as the worst case.

Not for a script with unknown places (``trace``, ``worst_case``). The surprising thing: it has a likely duration all the same,
the vendor's own word for what is typical, because a plan without any number is of no use to whoever must choose a window.
"""

from __future__ import annotations

from lockage.core.forecast.assess import Forecast, Script, Seconds, Unknown


def unseen(*, reason: str, typical_s: float) -> Forecast:
    """The forecast; ``reason`` is a clause that says what is not known, ``typical_s`` what such upgrades take elsewhere."""
    return Forecast(
        script=Script(migrations=(), known=False),
        relations=(),
        relations_known=False,
        operations=(),
        unknown=(Unknown(file="", line=0, reason=reason),),
        broken=(),
        statements_checked=0,
        total_s=Seconds(low=0.0, likely=typical_s, high=None),
        transactions=1,
        assumptions=(f"{reason}: {typical_s:.0f} s is what its vendor calls typical of a large upgrade, and no measurement",),
    )
