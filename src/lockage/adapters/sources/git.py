"""Migrations from the tags of a checkout or a bare clone: which each release brings, and the files of one.

Not for a working tree's files (``folder``). The surprising thing: nothing is checked out. A tree's listing has every file's
name and the digest of its content, so five hundred tags are read in seconds, and the checkout's own branch, changes and hooks
do not matter.

Codes: LK413 too large · LK574 not readable, or no ``git`` · LK575 no tag that is a release · LK576 no migrations ·
LK654 no such tag · LK697 no Git repository.
"""

from __future__ import annotations

import difflib
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from lockage.adapters.sources.folder import FILE_LIMIT_BYTES, FOLDER_LIMIT_BYTES
from lockage.core.migration.formats.format import Format
from lockage.core.migration.formats.places import is_program, likeliest_folder, may_matter, within
from lockage.core.release.fits import MigrationMark, ReleaseMigrations, ReleaseTable
from lockage.core.release.version import parse_version
from lockage.errors import RefusedError, UsageError

LIMIT_S = 60.0
"""For one listing; a tree of a hundred thousand files takes less than a second, a clone on a slow network disk some more."""

_NOT_MIGRATIONS = frozenset({"testdata", "fixtures", "test", "tests"})
"""Folders whose files only look like migrations."""

_NO_REPOSITORY = re.compile(r"^fatal: (?:not a git repository|cannot change to )", re.IGNORECASE)
"""What Git says of a folder that is none of its own, in English (``LC_ALL``). Source: Git 2.39, setup.c and git.c."""

Narrate = Callable[[str], None]


def read_release_table(
    repository: Path, *, form: Format, folder: str | None = None, today: str = "", narrate: Narrate = lambda _: None
) -> ReleaseTable:
    """Every release that a tag names, pre-releases left out, with its migrations; of ``folder`` in the repository.

    Without ``folder`` it is the one that has most migrations in the newest release. Tags are ``v2.26.0`` or ``2.26.0``, perhaps
    with a prefix that ends in a ``/``. Raises ``RefusedError`` (LK574) and ``UsageError`` (LK575, LK576, LK697).
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


def read_files_at(
    repository: Path, tag: str, *, folder: str | None, forms: Iterable[Format]
) -> tuple[Mapping[str, bytes], str]:
    """The files of a folder in the repository at a tag (or at any commit that Git knows by that name), and the folder's name.

    Without ``folder`` it is the one with most migrations of any of ``forms``. Only what can matter to migrations is read, and
    nothing is checked out; of programs only the names are given. Raises ``RefusedError`` (LK574) and ``UsageError``: LK413
    too large, LK576 no migrations, LK654 no such tag, LK697 no repository.
    """
    listing = {path: digest for path, digest in _listing_of(repository, _commit(repository, tag)) if may_matter(path)}
    place = folder.strip("/") if folder is not None else likeliest_folder(listing, forms)
    place = "" if place == "." else place
    wanted = {} if place is None else {n: d for path, d in listing.items() if (n := within(place, path)) is not None}
    if not wanted:
        where = f"the folder {folder} of " if folder else ""
        raise UsageError(
            f"{where}{repository} has no file at {tag} that could be a migration",
            code="LK576",
            hint="name the folder in the repository that holds them: --path FOLDER",
        )
    texts = _blobs(repository, {name: digest for name, digest in wanted.items() if not is_program(name)})
    return {name: texts.get(name, b"") for name in wanted}, place or "."


def _commit(repository: Path, tag: str) -> str:
    for name in (f"refs/tags/{tag}", f"refs/tags/v{tag}", tag):
        found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}", missing=True)
        if found:
            return found[0]
    known = sorted(_git(repository, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags"))
    near = difflib.get_close_matches(tag, known, n=3, cutoff=0.5) or known[-3:]
    raise UsageError(
        f"{repository} has no tag {tag}",
        code="LK654",
        hint=f"it has {', '.join(near)}" if near else f"git -C {repository} fetch --tags",
    )


def _listing_of(repository: Path, commit: str) -> Iterator[tuple[str, str]]:
    """Paths of regular files with the digests of their contents; links and submodules are none."""
    for line in _git(repository, "ls-tree", "-r", "-z", "--full-tree", commit, separator="\0"):
        about, _, path = line.partition("\t")
        mode, kind, digest = about.split()
        if kind == "blob" and mode.startswith("100"):
            yield path, digest


def _blobs(repository: Path, wanted: Mapping[str, str]) -> Mapping[str, bytes]:
    asked = "".join(f"{digest}\n" for digest in wanted.values()).encode()
    known = [line.split() for line in _run(repository, "cat-file", "--batch-check", said=asked).decode().splitlines()]
    if any(len(words) < 3 for words in known):
        raise _unusable(repository, "it is a partial clone, and files are missing from it")
    sizes = [int(words[2]) for words in known]
    for name, size, limit in (
        *((name, size, FILE_LIMIT_BYTES) for name, size in zip(wanted, sizes, strict=True)),
        ("all migrations together", sum(sizes), FOLDER_LIMIT_BYTES),
    ):
        if size > limit:
            raise UsageError(
                f"{repository}: {name}: {size / 1e6:.0f} MB, more than the {limit / 1e6:.0f} MB that migrations can have",
                code="LK413",
                hint="name the folder that holds only the migration files: --path FOLDER",
            )
    data = _run(repository, "cat-file", "--batch", said=asked)
    files: dict[str, bytes] = {}
    start = 0
    for name, size in zip(wanted, sizes, strict=True):
        start = data.index(b"\n", start) + 1
        files[name] = data[start : start + size]
        start += size + 1
    return files


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


def _git(repository: Path, *arguments: str, separator: str = "\n", missing: bool = False) -> list[str]:
    """What Git says, divided; with ``missing`` nothing where it finds nothing."""
    said = _run(repository, *arguments, missing=missing)
    return [line for line in said.decode(errors="replace").split(separator) if line]


def _run(repository: Path, *arguments: str, said: bytes = b"", missing: bool = False) -> bytes:
    # A repository's own configuration may name programs; listing needs none of them.
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.pager=cat", "-C", str(repository), "--no-pager", *arguments]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, check=False, input=said, capture_output=True, timeout=LIMIT_S, env=environment)
    except FileNotFoundError as error:
        raise _unusable(repository, "the program git is not installed") from error
    except (subprocess.TimeoutExpired, OSError) as error:
        raise _unusable(repository, str(error)) from error
    complaint = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode != 0 and any(_NO_REPOSITORY.search(line) for line in complaint):
        raise _no_repository(repository)
    if done.returncode != 0 and not (missing and not complaint):
        raise _unusable(repository, complaint[-1] if complaint else f"git ended with {done.returncode}")
    return done.stdout


def _no_repository(repository: Path) -> UsageError:
    what = "is no Git repository" if repository.is_dir() else "is no folder" if repository.exists() else "does not exist"
    return UsageError(
        f"{repository} {what}",
        code="LK697",
        hint="give a checkout or a bare clone of the application's repository, with its tags"
        + (f"; a folder of migrations is --migrations {repository}" if repository.is_dir() else ""),
    )


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
