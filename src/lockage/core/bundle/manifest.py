"""The table of contents of a bundle (``lockage.bundle/1``): what is in it, what was cut, what was left out and why.

Not for what was seen (that is the evidence). The surprising thing: a source in which the second look finds a secret is named
here and nowhere else, with the kind of what was found and never the thing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from lockage.core.diagnosis.evidence import Missing


class BundledFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the bundle."""

    path: str
    what: str  # "log of coder-1, container coder, before its last restart"
    size_bytes: int
    sha256: str
    cut: str | None = None  # what of it was left out, when something was: "the oldest 1 200 of 3 200 lines"


class DroppedSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source that is not in the bundle, though there was something to put into it."""

    path: str
    what: str
    why: str  # a clause, without the secret


class ContainerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one container of the application may use."""

    container: str
    image: str
    memory_request_bytes: int | None
    memory_limit_bytes: int | None
    cpu_request_cores: float | None
    cpu_limit_cores: float | None


class Bundled(msgspec.Struct, frozen=True, kw_only=True):
    """Which deployment it is about."""

    name: str
    platform: str  # "kubernetes", "local"
    namespace: str | None
    application: str  # of the profile
    profile_known: bool
    source_release: str | None  # that served before; None: not known
    target_release: str | None  # that is asked for
    replicas_wanted: int | None
    replicas_ready: int | None
    limits: tuple[ContainerLimits, ...] = ()


class Masking(msgspec.Struct, frozen=True, kw_only=True):
    """What the redaction did."""

    tokens: Mapping[str, int]  # by kind, how many are in the files
    different: int  # different secrets among them
    in_place_only: int  # secrets that are ordinary words, so that they are masked only where their place tells
    ip_addresses: bool


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """What made the bundle."""

    lockage: str
    python: str
    system: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``manifest.json``."""

    schema: Literal["lockage.bundle/1"] = "lockage.bundle/1"
    at: datetime
    took_s: float
    made_by: Tool
    deployment: Bundled
    files: tuple[BundledFile, ...]
    dropped: tuple[DroppedSource, ...]
    missing: tuple[Missing, ...]
    masking: Masking
    partial: bool  # something is missing or was dropped


class BundleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What ``lockage bundle --json`` prints (``lockage.bundle-answer/1``)."""

    schema: Literal["lockage.bundle-answer/1"] = "lockage.bundle-answer/1"
    file: str
    size_bytes: int
    sha256: str
    vendor: str
    contact: str
    manifest: Manifest
