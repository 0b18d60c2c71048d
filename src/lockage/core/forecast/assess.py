"""The forecast as people and programs get it: one record, the shape of ``lockage.forecast/1``.

Not for measuring or tracing. The surprising thing: ``high`` of a range is None when something is unknown, because unknown
means worst case and a number would hide it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lockage.core.forecast.waiting_records import Waiting


class Blocks(StrEnum):
    """Who is blocked on a relation, from worst to none."""

    READS = "reads"  # nobody can read or write
    WRITES = "writes"  # nobody can write
    ROWS = "rows"  # writers of the changed rows wait
    NONE = "none"


class Severity(StrEnum):
    """How bad a hazard is, in the words of SARIF and of every linter; from mildest to worst."""

    NOTE = "note"  # worth knowing
    WARNING = "warning"  # somebody may notice
    ERROR = "error"  # users are locked out, the migration fails, or something is left broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """A range of seconds: 5th, 50th and 95th percentile. ``high`` None: something is unknown."""

    low: float
    likely: float
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationRef:
    """One migration of the script."""

    version: int  # its number, or its place where the format's versions are no numbers
    name: str
    file: str
    label: str = ""  # the version as the migrator writes it: "1.10", "20240101_init"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The migrations that were traced, in order."""

    migrations: tuple[MigrationRef, ...]
    known: bool = True  # False: nobody knows which there are, and so nothing was traced
    folder: str | None = None  # that the files' names start from: as it was named, or in the repository or archive
    ledger: str | None = None  # schema.name of the migrator's own table, which nobody else uses; None: none, or not known


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTaken:
    """One lock of the script on one relation."""

    mode: str
    file: str
    line: int
    statement: str
    transaction: int  # from 1, in script order
    blocks: Blocks
    via: str | None = None  # the index, TOAST table or partition through which it reached the relation
    from_s: Seconds | None = None  # since the script began: the start of the statement that takes it; None: not known
    until_s: Seconds | None = None  # … the end of its transaction, or the rollback to a savepoint that gives it back
    concurrently: bool = False  # its statement works beside users, and waits until their older snapshots are gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of the script in which users of a relation wait without a pause, all of it at one level.

    A wait that begins in it lasts to its end, or longer where another stretch follows at once.
    """

    blocks: Blocks
    from_s: Seconds  # since the script began
    until_s: Seconds
    lasts_s: Seconds  # a range of its own: the ends of the two above are not to be subtracted
    transaction: int
    mode: str | None = None  # the strongest lock that blocks so; None: no lock of its own does
    because: str | None = None  # what makes users wait where no lock of its own does


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationForecast:
    """What the script does to users of one relation that existed before it."""

    relation: str  # schema.name, as before the script
    locks: tuple[LockTaken, ...]
    blocks: Blocks
    blocked_s: Seconds
    because: tuple[str, ...] = ()  # what makes it wait where no lock of its own does: a view's table, a foreign key, an unknown
    rows: float | None = None  # before the script; None: not known
    bytes: int | None = None  # of its heap and TOAST, before the script; None: not known
    stretches: tuple[Stretch, ...] = ()  # when its users wait, in order
    surely: Blocks = Blocks.NONE  # what of ``blocks`` is certain; the rest hangs on a condition, or on what was not seen
    doubts: tuple[str, ...] = ()  # where ``blocks`` is worse than ``surely``: why it is only possible, in clauses
    waiting: Waiting | None = None  # who stands in the way now and would queue; None: nobody has looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One piece of work: ``rewrite``, ``scan``, ``index-build``, ``update``, ``insert``, ``delete``, ``truncate``, …"""

    kind: str
    relation: str
    file: str
    line: int
    rows: float
    seconds: Seconds
    wal_bytes: float = 0.0  # that it writes, likely: what a standby must take and an archive must hold
    note: str = ""  # what its figures do not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Something that was not seen and counts as the worst case."""

    file: str  # "" where it is no place in a file
    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A statement of the running release that fails after the script."""

    query: str
    sqlstate: str
    message: str
    file: str = ""  # of the statement of the script behind which it fails; "": not found out
    line: int = 0
    certain: bool = True  # whatever its values are; False: for some of the values that were good before
    only_prepared: bool = False  # only where a session keeps it prepared through the script; sent anew it succeeds
    calls_s: float | None = None  # how often it comes in a second, on average; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRelease:
    """What the verdict on the running release's statements stands on."""

    statements: int  # that are known
    checked: int  # that could be prepared before the script and were executed behind it
    source: str  # where they are from, in words; "": the profile
    since: str | None  # ISO time since which they were collected; None: not said


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """A named danger of the script, with its remedy; ``lockage explain CODE`` says more."""

    code: str  # H001
    severity: Severity
    relation: str | None  # as before the script; None: it is about no single one
    file: str  # "" where it is no place in a file
    line: int
    sentence: str
    remedy: str


class Answer(StrEnum):
    """What the data said to a check."""

    NOT_ASKED = "not-asked"
    HOLDS = "holds"  # no row stands in the way
    FAILS = "fails"
    UNKNOWN = "unknown"  # it could not be asked, or took too long


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A read-only query whose rows are those on which a statement of the script would fail; none is good."""

    query: str
    why: str
    file: str
    line: int
    answer: Answer = Answer.NOT_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyForecast:
    """What one strategy would cost."""

    name: str  # rolling, scale-to-one, scale-to-zero
    possible: bool
    unavailable_s: Seconds  # without service: whatever is the longer of no reads and no writes
    without_reads_s: Seconds
    without_writes_s: Seconds
    reasons: tuple[str, ...]  # what rules it out, or what it stands on
    requests: float | None = None  # statements that would fail, or wait for longer than a second; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementPlace:
    """One top-level statement of the script, for a guard that wants to say "statement i of n"."""

    file: str
    line: int
    statement: str
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSpan:
    """One transaction of the script, from its first statement to behind its commit."""

    transaction: int  # from 1, in script order
    from_s: Seconds  # since the script began
    until_s: Seconds
    file: str  # of its first statement
    line: int
    last_file: str
    last_line: int
    statements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a script will lock, rewrite and scan, for how long whom it blocks, and which old queries break."""

    schema: str = "lockage.forecast/1"
    script: Script
    relations: tuple[RelationForecast, ...]
    relations_known: bool = True  # False: what no shadow runs may block relations beside these, all of them at worst
    operations: tuple[Operation, ...]
    unknown: tuple[Unknown, ...]
    broken: tuple[Broken, ...]
    statements_checked: int  # how many statements of the running release were executed after the script
    total_s: Seconds
    transactions: int
    assumptions: tuple[str, ...] = ()
    places: tuple[StatementPlace, ...] = ()
    hazards: tuple[Hazard, ...] = ()  # worst first
    checks: tuple[Check, ...] = ()
    strategies: tuple[StrategyForecast, ...] = ()  # gentlest first
    recommended: str | None = None  # the name of one of them
    may_break: tuple[Broken, ...] = ()  # statements of the running release that fail for some values, which may never come
    old_release: OldRelease | None = None  # None: no statements of the running release are known
    spans: tuple[TransactionSpan, ...] = ()  # of its transactions, in order
    calls_s: float | None = None  # statements a second that the database answers, on average; None: not known

    @property
    def worst(self) -> Blocks:
        """The worst that any relation meets."""
        order = list(Blocks)
        return min((r.blocks for r in self.relations), key=order.index, default=Blocks.NONE)
