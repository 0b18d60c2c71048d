"""Which migrations each release of an application brings, from the tags of a checkout or a bare clone.

Not for the files' texts of one release (``folder``). The surprising thing: nothing is checked out and no file is opened. A
tree's listing has every file's name and the digest of its content, so five hundred tags are read in seconds, and the
checkout's own branch, changes and hooks do not matter.

Codes: LK574 no Git repository, or no ``git`` · LK575 no tag that is a release · LK576 no migrations in any release.
"""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from lockage.core.migration.formats.format import Format
from lockage.core.release.fits import MigrationMark, ReleaseMigrations, ReleaseTable
from lockage.core.release.version import parse_version
from lockage.errors import RefusedError, UsageError

LIMIT_S = 60.0
"""For one listing; a tree of a hundred thousand files takes less than a second, a clone on a slow network disk some more."""

_NOT_MIGRATIONS = frozenset({"testdata", "fixtures", "test", "tests"})
"""Folders whose files only look like migrations."""

Narrate = Callable[[str], None]


def read_release_table(
    repository: Path, *, form: Format, folder: str | None = None, today: str = "", narrate: Narrate = lambda _: None
) -> ReleaseTable:
    """Every release that a tag names, pre-releases left out, with its migrations; of ``folder`` in the repository.

    Without ``folder`` it is the one that has most migrations in the newest release. Tags are ``v2.26.0`` or ``2.26.0``, perhaps
    with a prefix that ends in a ``/``. Raises ``RefusedError`` (LK574) and ``UsageError`` (LK575, LK576).
    """
    tags = _release_tags(repository)
    if not tags:
        raise UsageError(
            f"{repository} has no tag that is a release, such as v2.26.0",
            code="LK575",
            hint=f"git -C {repository} fetch --tags",
        )
    newest = max(tags, key=parse_version)
    place = folder.strip("/") if folder is not None else _likeliest_folder(repository, tags[newest], form)
    if place is None:
        raise _no_migrations(repository, newest, form, folder)
    found: list[ReleaseMigrations] = []
    for number, release in enumerate(sorted(tags, key=parse_version), start=1):
        narrate(f"reading release {number} of {len(tags)}: {release}")
        marks = _marks(_listing(repository, tags[release], place), form)
        if marks:
            source = f"git tag {tags[release]}"
            found.append(ReleaseMigrations(release=release, last=marks[-1].version, marks=marks, source=source))
    if not found:
        raise _no_migrations(repository, newest, form, folder)
    return ReleaseTable(releases=tuple(found), read_on=today, folder=place)


def _release_tags(repository: Path) -> dict[str, str]:
    """Release to the tag that names it."""
    plain: dict[str, str] = {}
    prefixed: dict[str, str] = {}
    for tag in _git(repository, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags"):
        try:
            version = parse_version(tag.rpartition("/")[2])
        except UsageError:
            continue
        if not version.pre:
            (prefixed if "/" in tag else plain)[str(version)] = tag
    return plain or prefixed  # beside plain ones those with a prefix are of other things in the same repository


def _likeliest_folder(repository: Path, tag: str, form: Format) -> str | None:
    counted: Counter[str] = Counter()
    for path, _ in _listing(repository, tag, ""):
        place = PurePosixPath(path)
        if form.read_name(place.name) is not None and not _NOT_MIGRATIONS.intersection(place.parts):
            counted[str(place.parent)] += 1
    if not counted:
        return None
    return min(counted, key=lambda place: (-counted[place], place))


def _listing(repository: Path, tag: str, place: str) -> Sequence[tuple[str, str]]:
    """Paths of files with the digests of their contents; only those directly in ``place``, or all where it is empty."""
    within = ("-r", f"refs/tags/{tag}") if not place else (f"refs/tags/{tag}", "--", f"{place}/")
    if place == ".":
        within = (f"refs/tags/{tag}",)
    found: list[tuple[str, str]] = []
    for line in _git(repository, "ls-tree", "-z", "--full-tree", *within, separator="\0"):
        about, _, path = line.partition("\t")
        _, kind, digest = about.split()
        if kind == "blob":
            found.append((path, digest))
    return found


def _marks(files: Iterable[tuple[str, str]], form: Format) -> tuple[MigrationMark, ...]:
    found: dict[int, MigrationMark] = {}
    for path, digest in files:
        named = form.read_name(PurePosixPath(path).name)
        if named is not None:
            found[named.version] = MigrationMark(version=named.version, name=named.name, digest=digest)
    return tuple(found[version] for version in sorted(found))


def _git(repository: Path, *arguments: str, separator: str = "\n") -> list[str]:
    # A repository's own configuration may name programs; listing needs none of them.
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.pager=cat", "-C", str(repository), "--no-pager", *arguments]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S, env=environment
        )
    except FileNotFoundError as error:
        raise _unusable(repository, "the program git is not installed") from error
    except (subprocess.TimeoutExpired, OSError) as error:
        raise _unusable(repository, str(error)) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _unusable(repository, said[-1] if said else f"git ended with {done.returncode}")
    return [line for line in done.stdout.decode(errors="replace").split(separator) if line]


def _unusable(repository: Path, why: str) -> RefusedError:
    return RefusedError(
        f"{repository} cannot be read as a Git repository: {why}",
        code="LK574",
        hint="give a checkout or a bare clone of the application's repository, with its tags",
    )


def _no_migrations(repository: Path, newest: str, form: Format, folder: str | None) -> UsageError:
    where = f"the folder {folder} of " if folder else ""
    return UsageError(
        f"{where}{repository} has no file named {form.naming} in release {newest}",
        code="LK576",
        hint="name the folder in the repository that holds them: --path FOLDER",
    )
