"""The migrations of a folder, and those of them that a release would apply.

Not for opening files: their names and bytes come in. The surprising things: a version is a number, so ``007`` and ``7`` are the
same migration, and a gap between two numbers means nothing; and where a format's own order is another (``1.10`` after ``1.9``,
names letter by letter), the number here is the place in that order, and ``label`` is what people know.

Codes: LK401 SQL that does not parse · LK402 no migrations · LK403 a number twice · LK404 not UTF-8 · LK405 no such version ·
LK651 a variable without a value · LK652 a variable where the format has none · LK692 a template that nobody can fill in.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise

from lockage.core.migration.formats.format import QUERY, Content, FileName, Format, Part, Sending, SourceFile, Unset
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Statement
from lockage.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Statements that a migrator sends together, and how."""

    sending: Sending
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One migration: its file and text. ``language`` other than ``sql``: nobody here can run it."""

    version: int
    name: str
    file: str
    text: str
    language: str = "sql"
    label: str = ""  # the version as its migrator writes it, where that is another
    repeatable: bool = False  # applied after all others whenever it has changed
    baseline: bool = False  # stands for all up to its version where there is nothing yet; elsewhere it is not applied
    sending: Sending = QUERY
    parts: tuple[Part, ...] = ()  # lines that are sent otherwise, in their order
    unset: tuple[Unset, ...] = ()
    maybe_unset: tuple[Unset, ...] = ()  # they matter only where the text is no SQL with them
    remarks: tuple[str, ...] = ()  # for people: what its migrator makes of it

    def statements(self) -> tuple[Statement, ...]:
        """Its statements in order; none of an empty file.

        Raises ``UsageError`` with file and line: LK401 for what does not parse, LK651 for a variable without a value, LK692
        for a template that only its application can fill in.
        """
        if self.language != "sql":
            return ()
        if self.unset:
            raise self._unset(self.unset)
        try:
            return split_statements(self.text, file=self.file)
        except UsageError as error:
            raise self._template() or error from error

    def sent(self) -> tuple[Sent, ...]:
        """Its statements as its migrator sends them. Raises as ``statements``."""
        statements = self.statements()
        if not self.parts:
            return (Sent(sending=self.sending, statements=statements),) if statements else ()
        groups = groupby(statements, key=lambda statement: self._part(statement.line))
        return tuple(Sent(sending=part.sending if part else self.sending, statements=tuple(those)) for part, those in groups)

    def _part(self, line: int) -> Part | None:
        at = bisect_right(self.parts, line, key=lambda part: part.first_line) - 1
        return self.parts[at] if at >= 0 and line <= self.parts[at].last_line else None

    def _unset(self, those: Sequence[Unset]) -> UsageError:
        first = those[0]
        names = list(dict.fromkeys(unset.name for unset in those))
        return UsageError(
            f"{self.file}, line {first.line}: the variable {first.name} is not set",
            code="LK651",
            hint="give its value: " + " ".join(f"--set {name}=VALUE" for name in names),
        )

    def _template(self) -> UsageError | None:
        """Why the text is no SQL, where a template in it was not filled in; None: it has none."""
        if not self.maybe_unset:
            return None
        named = [unset for unset in self.maybe_unset if unset.name]
        if named:
            return self._unset(named)
        return UsageError(
            f"{self.file}, line {self.maybe_unset[0].line}: code of the application fills in this template, so its"
            " SQL is not known",
            code="LK692",
            hint="give a folder with the SQL that comes of it",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Migrations that are applied already, and those that form the script."""

    applied: tuple[Migration, ...]
    script: tuple[Migration, ...]


def read_migrations(
    files: Mapping[str, bytes], *, form: Format, folder: str = "the folder", values: Mapping[str, str] | None = None
) -> tuple[Migration, ...]:
    """All migrations among ``files`` (name to bytes) in the order of their versions; ``values`` are those of variables.

    Raises ``UsageError``: LK402 where there are none, LK403 where two have one version, LK404 where one is not UTF-8, LK652
    where the format has no variables, LK653 where a file breaks the format's rules.
    """
    if values and not form.variables:
        raise UsageError(
            f"{form.name} has no variables in its files, so --set {next(iter(values))} would change nothing",
            code="LK652",
            hint="leave --set out, or name the format: --format FORMAT",
        )
    found: dict[tuple[str, bool], tuple[FileName, str]] = {}
    for file in sorted(files):
        name = form.named(file)
        if name is None:
            continue
        key = (name.label or str(name.version), name.baseline)
        other = found.get(key)
        if other is not None and other[0].rank != name.rank:
            found[key] = max(other, (name, file), key=lambda pair: pair[0].rank)
            continue
        if other is not None and form.takes_twins:
            key = (file, False)
        elif other is not None:
            raise UsageError(
                f"migration {key[0]} exists twice in {folder}: {other[1]} and {file}",
                code="LK403",
                hint="rename or remove one of them; where its migrator takes both: --format plain",
            )
        found[key] = (name, file)
    if not found:
        raise UsageError(
            f"no migration in {folder}: none of its {len(files)} files is named {form.naming}",
            code="LK402",
            hint="give the folder that holds the files, or another --format",
        )
    return _numbered([_read(name, file, files, form=form, values=values or {}) for name, file in _in_order(found.values())])


def _in_order(found: Iterable[tuple[FileName, str]]) -> list[tuple[FileName, str]]:
    return sorted(found, key=lambda pair: (pair[0].repeatable, _place(pair[0]), not pair[0].baseline, pair[1]))


def _place(name: FileName) -> tuple[int, ...]:
    return name.order or (name.version,)


def _numbered(migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """With numbers that grow: their own where those do, else their places; a repeatable one comes after all others."""
    versioned = [migration for migration in migrations if not migration.repeatable]
    own = [migration.version for migration in versioned]
    same = [_same_place(earlier, later) for earlier, later in pairwise(versioned)]  # a baseline and the version of its number
    placed = any(b < a or (b == a and not same[i]) for i, (a, b) in enumerate(pairwise(own)))
    placed = placed or own[:1] == [0]  # --from 0 says that nothing is applied
    numbers = list(accumulate([1, *(0 if again else 1 for again in same)])) if placed else own
    last = numbers[-1] if numbers else 0
    numbers += range(last + 1, last + 1 + len(migrations) - len(own))
    return tuple(
        replace(migration, version=number, label=migration.label or (str(migration.version) if placed else ""))
        for migration, number in zip(migrations, numbers, strict=True)
    )


def _same_place(earlier: Migration, later: Migration) -> bool:
    return earlier.baseline and earlier.label == later.label


def _read(name: FileName, file: str, files: Mapping[str, bytes], *, form: Format, values: Mapping[str, str]) -> Migration:
    if name.language == "sql":
        content = form.read_text(SourceFile(name=file, text=_text(files[file], file), beside=files, values=values))
    else:
        content = Content(text="")  # nobody here can run it, and it need not even be text
    return Migration(
        version=name.version,
        name=name.name,
        file=file,
        text=content.text,
        language=name.language,
        label=name.label,
        repeatable=name.repeatable,
        baseline=name.baseline,
        sending=content.sending or form.sending,
        parts=content.parts,
        unset=content.unset,
        maybe_unset=content.maybe_unset,
        remarks=content.remarks,
    )


def _text(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        guess = " (it looks like UTF-16)" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise UsageError(
            f"{file}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8{guess}",
            code="LK404",
            hint="save the file as UTF-8",
        ) from error


def version_named(migrations: Sequence[Migration], said: str, *, option: str) -> int:
    """The number of the migration that people call ``said``: by its version, its file or its folder; 0 for ``0``.

    Raises ``UsageError`` (LK405) where there is none.
    """
    known = [migration for migration in migrations if not migration.repeatable]
    if said == "0" and option == "--from":
        return 0
    found = [migration for migration in known if said in (migration.label, migration.file)]
    found = found or [migration for migration in known if _same_version(migration, said)]
    if len({migration.version for migration in found}) == 1:
        return found[0].version
    if said.isdecimal() and int(said) == 0:
        return 0
    labels = [migration.label or str(migration.version) for migration in known]
    raise UsageError(
        f"no migration has the version {said} that {option} names"
        if not found
        else f"{option} {said} could be {found[0].file} or {found[1].file}",
        code="LK405",
        hint=f"the versions go from {labels[0]} to {labels[-1]}" if labels else None,
    )


def number_of(migrations: Sequence[Migration], version: int) -> int:
    """The number here of the migration that a ledger calls ``version``; the same where those are the files' own."""
    return next((m.version for m in reversed(migrations) if m.label.isdecimal() and int(m.label) == version), version)


def _same_version(migration: Migration, said: str) -> bool:
    label = migration.label or str(migration.version)
    if said.isdecimal():
        number = re.match(r"[0-9]+(?=_|$)", label)
        return number is not None and int(number[0]) == int(said)
    dotted = re.fullmatch(r"([0-9]+(?:[._][0-9]+)*?)(?:[._]0+)*", said)
    return dotted is not None and re.sub(r"\b0+(?=[0-9])", "", dotted[1].replace("_", ".")) == label


def select(
    migrations: Sequence[Migration], *, from_version: int | None, to_version: int | None, fresh: bool = True
) -> Selection:
    """The script between two versions: ``from_version`` is applied already (0: nothing is), ``to_version`` is included.

    Without ``from_version`` the script is the newest migration up to ``to_version`` alone. Repeatable ones are always part of
    the script, at its end. ``fresh``: the migrator began with nothing, so that a baseline stood for the versions up to its own;
    otherwise baselines are left out. Raises ``UsageError`` (LK405) for a version that no migration has, or a target below the
    start.
    """
    versioned = [migration for migration in migrations if not migration.repeatable and (fresh or not migration.baseline)]
    versions = {migration.version for migration in versioned}
    for version, flag in ((from_version, "--from"), (to_version, "--to")):
        if version is not None and version not in versions and not (version == 0 and flag == "--from"):
            raise UsageError(
                f"no migration has the version {version} that {flag} names",
                code="LK405",
                hint=f"the versions go from {min(versions)} to {max(versions)}" if versions else None,
            )
    last = max(versions, default=0) if to_version is None else to_version
    known = sorted(version for version in versions if version <= last)
    if from_version is None:
        start = known[-2] if len(known) > 1 else 0
    elif from_version > last:
        names = {migration.version: migration.label or str(migration.version) for migration in migrations}
        what = f"--to {names.get(last, last)} lies below --from {names.get(from_version, from_version)}"
        raise UsageError(what, code="LK405", hint="migrations are forecast forwards")
    else:
        start = from_version
    run = _without_replaced(versioned, start or last)
    return Selection(
        applied=tuple(m for m in run if m.version <= start and m.version <= last),
        script=(*(m for m in run if start < m.version <= last), *(m for m in migrations if m.repeatable)),
    )


def _without_replaced(versioned: Sequence[Migration], first: int) -> Sequence[Migration]:
    """What a migrator runs that begins with nothing and goes to ``first`` at once: from the last baseline up to there on."""
    base = max((m.version for m in versioned if m.baseline and m.version <= first), default=None)
    return [m for m in versioned if (m.version == base if m.baseline else base is None or m.version > base)]
