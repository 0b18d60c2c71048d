"""What an image reference says: repository, tag, digest, and the release behind them.

Not for asking a registry. The surprising thing: companies mirror images, so that ``ghcr.io/coder/coder`` runs as
``registry.example.com/mirror/coder/coder``; what counts is the end of the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockage.core.release.version import normalised
from lockage.errors import UsageError

VERSION_LABEL = "app.kubernetes.io/version"
"""Source: Kubernetes documentation, "Recommended Labels"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The parts of an image reference. Source: distribution/reference, grammar in ``reference.go``."""

    repository: str  # "ghcr.io/coder/coder"
    tag: str | None = None
    digest: str | None = None  # "sha256:…"


def parse_image(reference: str) -> Image:
    """The parts of a reference; a colon before the last slash is a port's."""
    name, _, digest = reference.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    return Image(repository=f"{head}{slash}{last}", tag=tag or None, digest=digest or None)


def likeness(reference: str, wanted: str) -> int:
    """How well an image fits a repository's name without tag: 0 not at all; more is better.

    Compared from the end of the name, without the registry's host; all of the wanted path must be there.
    """
    have, want = parse_image(reference).repository, parse_image(wanted).repository
    if have == want:
        return 100
    theirs, ours = _path(have), _path(want)
    same = 0
    for one, other in zip(reversed(theirs), reversed(ours), strict=False):
        if one != other:
            break
        same += 1
    return same if same == len(ours) else 0


def release_of(reference: str, *labels: Mapping[str, str]) -> str:
    """The release that an image is, without a leading ``v``; ``labels`` are asked in turn when its tag is no version.

    What is no version at all is given as it is: a tag such as ``latest``, or the beginning of the digest.
    """
    image = parse_image(reference)
    for text in (image.tag, *(one.get(VERSION_LABEL) for one in labels)):
        if text:
            try:
                return normalised(text)
            except UsageError:
                continue
    return image.tag or (image.digest or "")[:19]


def _path(repository: str) -> list[str]:
    parts = repository.split("/")
    # As the reference's grammar has it: a first part with a dot or a port, or localhost, is a host.
    hosted = len(parts) > 1 and ("." in parts[0] or ":" in parts[0] or parts[0] == "localhost")
    return parts[1:] if hosted else parts
