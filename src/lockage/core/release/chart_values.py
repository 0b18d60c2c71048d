"""What an upgrade sets among a chart's values, and what no value of that chart can say.

Not for rendering: Helm does that, and only what it rendered counts. The surprising thing: the same rollout needs different
values in different versions of one chart (Coder's took nothing of a probe but ``initialDelaySeconds`` before 2.30.0), so the
shape is chosen by the version of the chart gone to, not of the one that is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import msgspec

from lockage.core.facts import Probe
from lockage.core.release.profile import ChartValues, HelmProfile
from lockage.core.release.version import parse_version
from lockage.errors import UsageError

Scalar: TypeAlias = bool | int | float | str | None
ProbeField: TypeAlias = Literal["initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold"]

PROBE_FIELDS: tuple[ProbeField, ...] = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold")
"""What a probe has beside its action, as Kubernetes spells it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """The values that make a rollout, by dotted path, and the fields that they leave to a post-renderer."""

    values: Mapping[str, Scalar]
    beyond: tuple[str, ...] = ()  # "replicas", "image", "livenessProbe", or one field of the probe


def chart_version(helm: HelmProfile, release: str) -> str:
    """The version of the chart that brings a release."""
    return helm.charts.get(release) or helm.chart_version.replace("{release}", release)


def shape_of(helm: HelmProfile, version: str) -> ChartValues | None:
    """What the chart of that version calls its values; None when the profile does not say.

    The narrowest of the shapes that cover a version wins: the one that begins latest.
    """
    try:
        asked = parse_version(version)
    except UsageError:  # a range, or nothing at all
        return None
    fitting = [
        shape
        for shape in helm.values
        if parse_version(shape.from_chart) <= asked and (shape.below_chart is None or asked < parse_version(shape.below_chart))
    ]
    return max(fitting, key=lambda shape: parse_version(shape.from_chart), default=None)


def settable_fields(helm: HelmProfile | None, release: str) -> tuple[ProbeField, ...]:
    """The fields of a liveness probe that can be set when going to a release: all where no value of a chart is in the way."""
    shape = shape_of(helm, chart_version(helm, release)) if helm else None
    return shape.liveness_fields if shape and shape.liveness_fields else PROBE_FIELDS


def probe_numbers(probe: Probe) -> dict[ProbeField, float]:
    """A probe's numbers under Kubernetes' names; whole ones as integers, as Kubernetes takes them."""
    return {
        "initialDelaySeconds": whole(probe.initial_delay_s),
        "periodSeconds": whole(probe.period_s),
        "timeoutSeconds": whole(probe.timeout_s),
        "failureThreshold": probe.failure_threshold,
    }


def whole(seconds: float) -> float:
    """The same number, an integer where it is one."""
    return int(seconds) if float(seconds).is_integer() else seconds


def overlay(
    shape: ChartValues | None,
    *,
    release: str,
    replicas: int,
    liveness: Probe | None,
    chart_has: Probe | None = None,
) -> Overlay:
    """All values that make a rollout under one shape of the chart.

    ``chart_has`` is the probe as it comes out without us, where that is known: fields that agree already are left alone.
    """
    if shape is None:
        return Overlay(values={}, beyond=("replicas", "image", "livenessProbe"))
    values: dict[str, Scalar] = {shape.replicas: replicas}
    if shape.tag is not None:
        values[shape.tag] = shape.tag_format.replace("{release}", release)
    probe = _probe_overlay(shape, wanted=liveness, chart_has=chart_has)
    return Overlay(values={**values, **probe.values}, beyond=probe.beyond)


def _probe_overlay(shape: ChartValues, *, wanted: Probe | None, chart_has: Probe | None) -> Overlay:
    if wanted is None:
        if shape.liveness_enabled is None:
            return Overlay(values={}, beyond=("livenessProbe",))
        return Overlay(values={shape.liveness_enabled: False})
    values: dict[str, Scalar] = {}
    if shape.liveness_enabled is not None:
        values[shape.liveness_enabled] = True
    beyond: list[str] = []
    has = probe_numbers(chart_has) if chart_has else {}
    for name, number in probe_numbers(wanted).items():
        if has.get(name) == number:
            continue
        if shape.liveness is not None and name in shape.liveness_fields:
            values[f"{shape.liveness}.{name}"] = number
        elif chart_has is not None:
            beyond.append(name)
        # Without a look at what the chart renders, a field that no value reaches is taken to be right.
    return Overlay(values=values, beyond=tuple(beyond))


def nested(values: Mapping[str, Scalar]) -> dict[str, object]:
    """The same values as the mapping that a values file holds."""
    tree: dict[str, object] = {}
    for path, value in values.items():
        *parents, last = path.split(".")
        place = tree
        for parent in parents:
            place = cast("dict[str, object]", place.setdefault(parent, {}))
        place[last] = value
    return tree


def values_file(values: Mapping[str, Scalar]) -> str:
    """The same values as YAML, for a runbook or ``-f``."""
    return msgspec.yaml.encode(nested(values)).decode()


def at(values: Mapping[str, object], path: str) -> tuple[object, ...]:
    """What stands at a dotted path: one element, or none when the path is not there."""
    key, _, rest = path.partition(".")
    if key not in values:
        return ()
    inner = values[key]
    if not rest:
        return (inner,)
    return at(cast("Mapping[str, object]", inner), rest) if isinstance(inner, Mapping) else ()


def changed(values: Mapping[str, object], changes: Mapping[str, Sequence[object]]) -> dict[str, object]:
    """A copy of the values with each dotted path set to the one element given, or taken out where there is none.

    A mapping that is empty after something was taken out goes too, so that setting and taking out leave what was before.
    """
    tree = _copy(values)
    for path, content in changes.items():
        *parents, last = path.split(".")
        trail = [tree]
        for parent in parents:
            below = trail[-1].get(parent)
            if not isinstance(below, dict):
                below = {}
                if content:
                    trail[-1][parent] = below
            trail.append(cast("dict[str, object]", below))
        if content:
            trail[-1][last] = content[0]
        elif last in trail[-1]:
            del trail[-1][last]
            for depth in range(len(parents), 0, -1):
                if not trail[depth]:
                    trail[depth - 1].pop(parents[depth - 1], None)
    return tree


def _copy(values: Mapping[str, object]) -> dict[str, object]:
    return {
        key: _copy(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value
        for key, value in values.items()
    }
