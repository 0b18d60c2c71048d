"""One rollout as a command line of ``helm upgrade``, rendered, not carried out, until the result is what was asked for.

Not for carrying out (``releaser``). The surprising thing: it starts from nothing of ours. Only what the user's own values do
not give already is set, by the chart's values where they reach, and by a post-renderer where they do not. So the upgrade that
raises the replicas usually sets nothing, and the user's values stand again as they were.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, cast

import msgspec

from lockage.adapters.helm.arguments import UserArguments
from lockage.adapters.helm.manifest import Asked, Edit, Mismatch, Object, listed, mismatches, objects, probe_of, within
from lockage.adapters.helm.manifest import container as container_of
from lockage.adapters.helm.manifest import deployment as deployment_of
from lockage.adapters.helm.post_rendering import post_rendering
from lockage.adapters.helm.program import Done, Helm, refused
from lockage.core.release.chart_values import Scalar, overlay, shape_of
from lockage.core.release.profile import HelmProfile, WorkloadProfile
from lockage.errors import LockageError, RefusedError

HOOKS = frozenset({"pre-upgrade", "post-upgrade"})
RUNS = frozenset({"Job", "Pod"})
"""Kinds of hooks that Helm waits for to end. Source: helm.sh/docs/topics/charts_hooks, "hook weight and waiting"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What we set beside the user's arguments."""

    values: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Everything that every command line of one rollout has."""

    helm: Helm
    release: str
    where: tuple[str, ...]
    chart: str  # a folder or an archive
    user: UserArguments
    values_file: Path | None  # the user's values of the revision that the upgrade begins from
    folder: Path  # ours, while the rollout lasts

    def words(self, ours: Ours) -> tuple[list[str], Mapping[str, str]]:
        """The command line, and what its environment needs."""
        # --reset-values with the former values as a file is what --reset-then-reuse-values does, from a revision of our choice.
        words = ["upgrade", self.release, self.chart, "--reset-values"]
        if self.values_file is not None:
            words.append(f"--values={self.values_file}")
        words += self.user.passed
        words += [_set(path, value) for path, value in ours.values.items()]
        rendering = post_rendering(self.helm, self.user, ours.edits, folder=self.folder)
        return [*words, *rendering.arguments, *self.where, "--output=json"], rendering.variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a rollout would make."""

    ours: Ours
    objects: tuple[Object, ...]
    values: Mapping[str, object]
    chart_version: str
    server_side: bool  # the API server will merge the fields (Helm 4's way), and not Helm
    hooks: tuple[str, ...]  # those that Helm would wait for: "Job/migrate before the upgrade"


def settled(line: Line, asked: Asked, *, profile: WorkloadProfile, helm: HelmProfile, guess: Ours | None = None) -> Rendered:
    """The rendered result that says what was asked for, with the least of ours that it takes.

    ``guess`` is what it took before, on the same release and the same rollout: one look then tells whether it still does.
    Raises ``RefusedError``: LK512 the chart is not found or does not render, LK515 no result says what was asked for, naming
    object, value and what was expected.
    """
    first = rendered(line, guess or Ours())
    wrong = mismatches(first.objects, asked, profile)
    if not wrong:
        return first
    if guess is not None:
        return settled(line, asked, profile=profile, helm=helm)
    values = _values_for(wrong, first, asked, profile, helm)
    if values:
        try:
            first = rendered(line, Ours(values=values))
        except LockageError as error:
            error.add_note(f"with {', '.join(values)} set by Lockage")
            raise
        wrong = mismatches(first.objects, asked, profile)
    edits = tuple(edit for one in wrong for edit in one.edits)
    if edits:
        first = rendered(line, replace(first.ours, edits=edits))
        wrong = mismatches(first.objects, asked, profile)
    if wrong:
        raise not_asked_for(wrong)
    return first


def rendered(line: Line, ours: Ours) -> Rendered:
    """What ``helm`` says it would make, asked in front of the API server. Raises ``RefusedError`` (LK512)."""
    words, variables = line.words(ours)
    done = line.helm.run([*words, "--dry-run=server"], variables=variables, ours=line.folder)
    if done.code != 0:
        raise refused(done, f"{PurePath(line.chart).name} does not render", hint="correct the chart, its version or the values")
    told = _record(done)
    chart = within(told, "chart", "metadata")
    return Rendered(
        ours=ours,
        objects=objects(str(told.get("manifest", ""))),
        values=within(told, "config"),
        chart_version=str(chart.get("version", "")),
        server_side=told.get("apply_method") == "ssa",
        hooks=() if "--no-hooks=true" in line.user.passed else tuple(_hooks(told)),
    )


def _record(done: Done) -> dict[str, Any]:
    """The JSON that was asked for; Helm 4 says before it which chart it has pulled."""
    begin = re.search(r"(?m)^\{", done.out)
    try:
        return msgspec.json.decode(done.out[begin.start() if begin else 0 :], type=dict[str, Any])
    except msgspec.MsgspecError as error:
        text = done.out[:80].replace("\n", " ")
        raise RefusedError(f"helm does not answer in JSON: {text}", code="LK512", hint="helm version") from error


def not_asked_for(wrong: Sequence[Mismatch]) -> RefusedError:
    """The refusal of a result that is not what was asked for."""
    more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return RefusedError(
        f"{wrong[0]}{more}, whatever Lockage sets",
        code="LK515",
        hint="something wins over Lockage's --set: a --set-string, --set-file or --set-literal in helm.arguments, or the chart",
    )


def _values_for(
    wrong: Sequence[Mismatch], first: Rendered, asked: Asked, profile: WorkloadProfile, helm: HelmProfile
) -> dict[str, Scalar]:
    """The chart's values that make wrong fields right."""
    shape = shape_of(helm, first.chart_version)
    if shape is None:
        return {}
    has = probe_of(container_of(deployment_of(first.objects, asked.workload), profile))
    whole = overlay(shape, release=asked.release, replicas=asked.replicas, liveness=asked.liveness, chart_has=has)
    fields = {one.field for one in wrong}
    probe = any(field not in {"replicas", "image", "minReplicas", "maxReplicas"} for field in fields)
    wanted: dict[str, Scalar] = {}
    for path, value in whole.values.items():
        if path == shape.replicas:
            needed = "replicas" in fields
        elif path == shape.tag:
            needed = "image" in fields
        elif path == shape.liveness_enabled:
            needed = "livenessProbe" in fields
        else:
            needed = probe
        if needed:
            wanted[path] = value
    return wanted


def _set(path: str, value: Scalar) -> str:
    if isinstance(value, str):
        return f"--set-string={path}={value}"
    if value is None or isinstance(value, bool):
        return f"--set={path}={'null' if value is None else str(value).lower()}"
    return f"--set={path}={value}"


def _hooks(told: Mapping[str, object]) -> list[str]:
    found: list[str] = []
    for one in listed(told, "hooks"):
        events = cast("list[object]", one.get("events") or [])
        when = sorted(HOOKS.intersection(map(str, events)))
        if one.get("kind") in RUNS and when:
            found.append(f"{one.get('kind')}/{one.get('name')} ({', '.join(when)})")
    return found
