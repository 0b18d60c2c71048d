"""What Helm has written down of a release: its revisions, their values and manifests, and which of the values were ours.

Not for changing any of it (``stuck``, ``releaser``). The surprising thing: what an upgrade of ours changed among the values
stands in the revision's own description, as it was before. So the user's values can be told from ours on any machine, and
whatever the next upgrade is, it begins from the user's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from lockage.adapters.helm.manifest import Object, objects
from lockage.adapters.helm.program import Helm, refused
from lockage.core.release.chart_values import Scalar, at, changed
from lockage.errors import RefusedError

MARK = " lockage.dev/former-values="
"""Before the JSON at the end of a description: dotted path to what stood there, in a list that is empty where nothing did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One line of a release's history."""

    number: int
    status: str  # as Helm spells it: "deployed", "superseded", "failed", "pending-upgrade", …
    chart: str  # "towpath-2.26.0"
    description: str

    @property
    def pending(self) -> bool:
        """Whether Helm takes it for an operation that is under way, and refuses every other."""
        return self.status.startswith("pending-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release, asked by ``helm``."""

    helm: Helm
    name: str
    where: tuple[str, ...]  # --namespace and what else says where

    def history(self) -> tuple[Revision, ...]:
        """All revisions that Helm keeps, oldest first. Raises ``RefusedError`` (LK518) where there is no such release."""
        done = self.helm.run(["history", self.name, *self.where, "--output=json"])
        if done.code != 0 and "not found" in done.complaint:
            raise RefusedError(
                f"Helm knows no release {self.name} here: {done.complaint}",
                code="LK518",
                hint=f"helm list {' '.join(self.where)}; then name it: helm.release",
            )
        if done.code != 0:
            raise refused(done, f"the history of release {self.name} cannot be read")
        lines = msgspec.json.decode(done.out, type=list[dict[str, Any]])
        found = [
            Revision(
                number=int(line["revision"]),
                status=str(line["status"]),
                chart=str(line.get("chart", "")),
                description=str(line.get("description", "")),
            )
            for line in lines
        ]
        return tuple(sorted(found, key=lambda revision: revision.number))

    def values(self, revision: int) -> Mapping[str, object]:
        """The values that were given for a revision: the user's and ours, without the chart's own."""
        done = self.helm.run(["get", "values", self.name, f"--revision={revision}", *self.where, "--output=json"])
        if done.code != 0:
            raise refused(done, f"the values of release {self.name} cannot be read")
        return msgspec.json.decode(done.out, type=dict[str, object] | None) or {}

    def objects(self, revision: int) -> tuple[Object, ...]:
        """The objects of a revision."""
        done = self.helm.run(["get", "manifest", self.name, f"--revision={revision}", *self.where])
        if done.code != 0:
            raise refused(done, f"the manifest of release {self.name} cannot be read")
        return objects(done.out)


def standing(history: Sequence[Revision]) -> Revision:
    """The revision that the next upgrade begins from: the deployed one, else the last, as Helm itself has it."""
    deployed = [revision for revision in history if revision.status == "deployed"]
    return deployed[-1] if deployed else history[-1]


def users_values(values: Mapping[str, object], revision: Revision) -> dict[str, object]:
    """A revision's values as they would be without what we changed in it."""
    _, found, text = revision.description.rpartition(MARK)
    if not found:
        return dict(values)
    try:
        former = msgspec.json.decode(text, type=dict[str, list[object]])
    except msgspec.MsgspecError:
        return dict(values)  # someone has written a description that ends like ours
    return changed(values, former)


def description(text: str, *, before: Mapping[str, object], ours: Mapping[str, Scalar]) -> str:
    """The description of a revision in which ``ours`` were set among the values that were ``before``."""
    if not ours:
        return text
    former = {path: list(at(before, path)) for path in ours}
    return f"{text}{MARK}{msgspec.json.encode(former).decode()}"


def shown_description(revision: Revision) -> str:
    """A description without the part that is for us."""
    return revision.description.rpartition(MARK)[0] or revision.description
