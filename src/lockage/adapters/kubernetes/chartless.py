"""Stands for Helm where a Deployment belongs to a Helm release, and nobody has said by which chart it is released.

Not a way to release: it refuses. The surprising thing: a patch would do the same at once, and would be undone by the next
``helm upgrade`` of anybody, which puts the old image over the new schema.

Code: LK533.
"""

from __future__ import annotations

from lockage.adapters.kubernetes.finding import HelmOrigin
from lockage.core.facts import Check
from lockage.errors import RefusedError
from lockage.ports import Rollout


class ChartlessReleaser:
    """``lockage.ports.Releaser`` that says what is missing."""

    def __init__(self, origin: HelmOrigin) -> None:
        self._origin = origin

    @property
    def title(self) -> str:
        """Who would do it, for people."""
        return f"Helm, release {self._origin.release}, of a chart that is not named"

    def check(self, rollout: Rollout) -> tuple[Check, ...]:
        """One check, which is not ok."""
        del rollout
        return (Check(name="chart", ok=False, text=self._sentence(), hint=_HINT),)

    def image(self, rollout: Rollout) -> str | None:
        """None: what the chart would run is not known."""
        del rollout

    def release(self, rollout: Rollout) -> None:
        """Raises ``RefusedError`` (LK533)."""
        del rollout
        raise RefusedError(self._sentence(), code="LK533", hint=_HINT)

    def _sentence(self) -> str:
        chart = (
            f" (chart {self._origin.chart} {self._origin.chart_version or ''})".replace(" )", ")") if self._origin.chart else ""
        )
        return f"it belongs to Helm's release {self._origin.release}{chart}, and where its chart comes from is not known here"


_HINT = "name it as helm upgrade has it: --chart CHART, or platform.helm.chart in lockage.toml"
