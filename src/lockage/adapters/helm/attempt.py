"""One rollout, rendered, and what is said of it: to whoever plans, and in Helm's own history.

Not for deciding. The surprising thing: what stands in a history is read by people who have never heard of Lockage, so it says
release, replicas and budget before anything that is for us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lockage.adapters.helm.manifest import Asked, Object, autoscalers
from lockage.adapters.helm.rendering import Line, Rendered
from lockage.adapters.helm.revisions import Release, Revision, shown_description
from lockage.errors import RefusedError
from lockage.ports import Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One rollout, rendered."""

    release: Release
    history: tuple[Revision, ...]
    line: Line
    asked: Asked
    values: Mapping[str, object]  # the user's, that it begins from
    rendered: Rendered
    live: Object


def told_release(who: str, revision: Revision) -> str:
    """What stands now."""
    return f"{who}, revision {revision.number}: {revision.chart}, {revision.status} ({shown_description(revision)})"


def described(rollout: Rollout) -> str:
    """A rollout, for a line of ``helm history``."""
    budget = f", liveness budget {rollout.liveness.kill_budget_s:.0f} s" if rollout.liveness else ""
    return f"Lockage: {rollout.release}, replicas {rollout.replicas}{budget}"


def result_text(attempt: Attempt, rollout: Rollout) -> str:
    """What is rendered, and what of it is ours."""
    ours = attempt.rendered.ours
    version, replicas = attempt.rendered.chart_version, f"{rollout.replicas} replica{'s' if rollout.replicas != 1 else ''}"
    made = f"chart {version} renders {rollout.release} with {replicas} and the probe asked for"
    parts = [f"{path}={value}" for path, value in ours.values.items()]
    set_by_us = f"; set by Lockage: {', '.join(parts)}" if parts else "; nothing set by Lockage"
    edited = [f"{edit.kind}/{edit.name}: {_place(edit.path)}" for edit in ours.edits]
    by_post_renderer = f"; by its post-renderer: {', '.join(edited)}" if edited else ""
    pinned = ", ".join(str(thing["kind"]) for thing in autoscalers(attempt.rendered.objects, attempt.asked.workload))
    held = f"; {pinned} held at {rollout.replicas}" if pinned and attempt.asked.pinned else ""
    return f"{made}{set_by_us}{by_post_renderer}{held}"


def _place(path: Sequence[str | Mapping[str, str]]) -> str:
    return ".".join(step if isinstance(step, str) else step["name"] for step in path)


def hooked(rendered: Rendered) -> RefusedError:
    """The refusal of a chart with hooks."""
    return RefusedError(
        f"the chart has hooks that helm waits for, however long they take: {', '.join(rendered.hooks)}",
        code="LK519",
        hint="run what they do by hand and pass --no-hooks in helm.arguments, or take the chart's own switch for them",
    )
