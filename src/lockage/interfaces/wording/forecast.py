"""What every output says of a forecast in the same words: the headline, who waits when, how long.

Not for markup. The surprising thing: the migrator's own ledger is set apart. Every migrator
locks it from its first statement to its last, and nobody but another migrator waits for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from lockage.core.forecast.assess import (
    Blocks,
    Broken,
    Forecast,
    Hazard,
    Operation,
    RelationForecast,
    Seconds,
    Severity,
    Stretch,
)
from lockage.core.forecast.hazards.find import certain_failures
from lockage.core.forecast.lock_modes import badness, worst
from lockage.core.forecast.seconds import total
from lockage.core.forecast.timeline import BEHIND_UNSEEN, NOT_SEEN, UNSEEN
from lockage.core.migration.formats.places import is_program
from lockage.core.plan.wording import SHORTEST_S, blocks_in_words, time_in_words
from lockage.core.wording import counted, listed

NOTICED_S = 1.0
"""A wait that is shorter at most is a slow page among others. Source: the limit of a train of thought in interface design."""

LEAST_WIDTH = 20
"""Columns that a folded line has, however narrow the terminal."""

REASONS_MOST = 8
"""Reasons against a strategy that a page tells; the first is enough to rule it out, and all are in ``--json``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What a forecast comes to."""

    who: str  # "Readers and writers of"
    relation: str | None  # that they wait for; None: no single one
    rest: str  # "and of 2 more relations wait"
    level: Blocks | None  # None: nobody knows
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long users of a relation wait at one level."""

    blocks: Blocks
    seconds: Seconds
    stretches: tuple[Stretch, ...] = ()


def headline(forecast: Forecast) -> Headline:
    """The one sentence that a reader in a hurry needs."""
    takes = f"The script takes {how_long(forecast.total_s)}."
    if not forecast.script.known:
        return Headline(who="Not known which migrations there are", relation=None, rest="", level=None, detail=takes)
    if not forecast.script.migrations:
        return Headline(who="Nothing to apply", relation=None, rest="", level=Blocks.NONE, detail="The script is empty.")
    if fails := certain_failures(forecast.hazards):
        return _failing(fails[0])
    waiting = who_wait(forecast)
    if not waiting or not _noticed(felt(waiting[0]).seconds):
        return _calm(forecast, waiting, takes=takes)
    worst, others = felt(waiting[0]), len(waiting) - 1
    who = blocks_in_words(worst.blocks)
    return Headline(
        who=f"{who[0].upper()}{who[1:]} of",
        relation=waiting[0].relation,
        rest=f"wait, and users of {counted(others, 'more relation')}" if others else "wait",
        level=worst.blocks,
        detail=f"They wait {how_long(worst.seconds)}. {takes}",
    )


def programs_of(forecast: Forecast) -> tuple[str, ...]:
    """The files of the script that are programs: nobody ran them, and what they lock can be anything."""
    return tuple(migration.file for migration in forecast.script.migrations if is_program(migration.file))


def _calm(forecast: Forecast, waiting: Sequence[RelationForecast], *, takes: str) -> Headline:
    """Where nobody waits for long, as far as was seen."""
    level, detail = Blocks.NONE, takes
    if programs := programs_of(forecast):
        are = "are programs, which were not run" if len(programs) > 1 else "is a program, which was not run"
        who, level = f"Not known who waits: {listed(programs)} {are}", None
    elif waiting:
        longest_s = max(wait.seconds.high or 0.0 for relation in waiting for wait in waits_of(relation))
        who = f"Nobody waits for longer than {time_in_words(longest_s)} once the locks are had"
        detail = f"Users of {counted(len(waiting), 'relation')} wait for a moment. {takes}"
    else:
        who = "Nobody waits"
    return Headline(who=who, relation=None, rest="", level=level, detail=detail)


def _failing(first: Hazard) -> Headline:
    why = first.sentence.removeprefix("it fails: ")
    return Headline(
        who="The script fails",
        relation=None,
        rest=f"at {place(first.file, first.line)}",
        level=Blocks.READS,
        detail=f"{_as_sentence(why)}. What stands below counts that as unknown: mend it, and ask again.",
    )


def _as_sentence(text: str) -> str:
    """With a capital, unless it begins with a name, which means another thing with one."""
    return f"{text[0].upper()}{text[1:]}" if re.match(r"[a-z]+ ", text) else text


def who_wait(forecast: Forecast) -> tuple[RelationForecast, ...]:
    """The relations whose users wait, the worst and longest first, without the ledger."""
    waiting = [
        relation
        for relation in forecast.relations
        if relation.blocks is not Blocks.NONE and relation.relation != forecast.script.ledger
    ]
    return tuple(sorted(waiting, key=_badness))


def who_waits_at_worst(forecast: Forecast) -> str:
    """``readers and writers at worst``; where a program was not run, that this is not all that is known to be possible."""
    level = worst(relation.blocks for relation in who_wait(forecast))
    if programs_of(forecast):
        return "not known" if level is Blocks.NONE else f"{blocks_in_words(level)}, and whom the programs block is not known"
    return blocks_in_words(level) + (" at worst" if level is not Blocks.NONE else "")


def waits_of(relation: RelationForecast) -> tuple[Wait, ...]:
    """What its users wait for, a level each, the worst first."""
    if not relation.stretches:
        return (Wait(blocks=relation.blocks, seconds=relation.blocked_s),)
    found: list[Wait] = []
    for level in Blocks:
        those = tuple(stretch for stretch in relation.stretches if stretch.blocks is level)
        if those:
            seconds = relation.blocked_s if level is relation.blocks else total(stretch.lasts_s for stretch in those)
            found.append(Wait(blocks=level, seconds=seconds, stretches=those))
    return tuple(found)


def felt(relation: RelationForecast) -> Wait:
    """The worst of its waits that somebody notices; where nobody notices any, the worst."""
    waits = waits_of(relation)
    return next((wait for wait in waits if _noticed(wait.seconds)), waits[0])


def _noticed(seconds: Seconds) -> bool:
    return seconds.high is None or seconds.high >= NOTICED_S


def _badness(relation: RelationForecast) -> tuple[float, ...]:
    # What nobody will notice comes last, however strong its lock. Then a table that is locked itself stands before the views
    # and partners that wait with it, and as a view of two of them a little longer: it is what somebody can do something about.
    wait = felt(relation)
    own = any(lock.blocks is wait.blocks for lock in relation.locks)
    likely_s = wait.seconds.likely
    as_shown_s = float(f"{likely_s:.1e}")
    return -_noticed(wait.seconds), -badness(wait.blocks), -as_shown_s, -own, -likely_s, -(relation.rows or 0.0)


def ledger_of(forecast: Forecast) -> RelationForecast | None:
    """The migrator's own table, where it is locked."""
    mine = (r for r in forecast.relations if r.relation == forecast.script.ledger and r.blocks is not Blocks.NONE)
    return next(mine, None)


def unharmed(forecast: Forecast) -> tuple[str, ...]:
    """The relations that are locked so that nobody waits."""
    return tuple(relation.relation for relation in forecast.relations if relation.blocks is Blocks.NONE)


def verdicts(forecast: Forecast) -> Iterator[tuple[str, str]]:
    """(what, how it stands) for each thing that a reader may stumble over; a line each."""
    yield "Takes", how_long(forecast.total_s)
    if sizes_are_missing(forecast):
        yield "Sizes", "not known: name the database (--database URL), or a survey of it (--survey FILE)"
    if forecast.script.known:
        yield "Transactions", str(forecast.transactions)
    severities = Counter(hazard.severity for hazard in forecast.hazards)
    if severities:
        yield "Hazards", ", ".join(counted(severities[s], s.value) for s in reversed(Severity) if severities[s])
    if checked := checked_in_words(forecast):
        yield "Running release", checked
    if forecast.unknown:
        yield "Unknown", f"{counted(len(forecast.unknown), 'thing')}, counted as the worst case"
    if forecast.recommended:
        yield "Recommended", forecast.recommended


def checked_in_words(forecast: Forecast) -> str:
    """``no break found in 14 of 16 statements seen since …``; nothing where none is known."""
    if not forecast.statements_checked and forecast.old_release is None:
        return ""
    found = f"{len(forecast.broken)} break" if forecast.broken else "no break found"
    if forecast.may_break:
        found += f", {len(forecast.may_break)} may break"
    old = forecast.old_release
    if old is None:
        return f"{found} in {counted(forecast.statements_checked, 'statement')}"
    since = f" seen since {_minute(old.since)}" if old.since else ""
    return f"{found} in {old.checked} of {counted(old.statements, 'statement')}{since}"


def _minute(at: str) -> str:
    """A moment as people say it."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)$", r"\1 \2 UTC", at)


def broken_in_words(broken: Broken) -> str:
    """What PostgreSQL says, and for whom it holds."""
    only = " where a session keeps it prepared" if broken.only_prepared else ""
    some = "" if broken.certain else ", for some values"
    return f"{broken.message}{only}{some}"


def script_in_words(forecast: Forecast) -> str:
    """``2 migrations: a.sql to b.sql``."""
    migrations = forecast.script.migrations
    if not migrations:
        return "no migrations" if forecast.script.known else "migrations that nobody knows"
    span = migrations[0].file if len(migrations) == 1 else f"{migrations[0].file} to {migrations[-1].file}"
    return f"{counted(len(migrations), 'migration')}: {span}"


def how_long(seconds: Seconds) -> str:
    """The same for a sentence, where what is unknown comes first: a likely value that lacks it would be believed."""
    if seconds.high is None:
        return f"an unknown time ({time_in_words(seconds.likely)} likely without what is unknown)"
    return range_in_words(seconds)


def sizes_are_missing(forecast: Forecast) -> bool:
    """Whether nobody knows how large any relation is that the script locks or works on."""
    sized = (relation.rows is not None or relation.bytes is not None for relation in forecast.relations)
    return bool(forecast.relations) and not any(sized)


def worked_rows(operation: Operation) -> float | None:
    """How many rows it goes through; None where nobody knows."""
    return None if not operation.rows and operation.seconds.high is None else operation.rows


def likely_work(operation: Operation) -> str:
    """How long it takes as is likely; ``unknown`` where nothing is left of it without what is unknown."""
    known = worked_rows(operation) is not None or operation.seconds.likely >= SHORTEST_S
    return time_in_words(operation.seconds.likely) if known else "unknown"


def range_in_words(seconds: Seconds) -> str:
    """``9.0 s likely (4.0 s to 21 s)``; that nobody knows the high end is said."""
    if seconds.high is None:
        least = f"at least {time_in_words(seconds.low)}, " if seconds.low >= SHORTEST_S else ""
        return f"{time_in_words(seconds.likely)} likely ({least}at most unknown)"
    return f"{time_in_words(seconds.likely)} likely ({time_in_words(seconds.low)} to {at_most(seconds)})"


def at_most(seconds: Seconds) -> str:
    """The high end, or that nobody knows it."""
    return "unknown" if seconds.high is None else time_in_words(seconds.high)


def unbroken(text: str) -> str:
    """The same words, with nothing between a number and its unit that a line could break at."""
    return re.sub(r"(?<=\d) (?=(?:ms|s|min|h)\b)", "\u00a0", text)


def folded(text: str, *, width: int) -> tuple[str, ...]:
    """The text in lines of so many columns, none of which ends between a number and its unit.

    Not by Rich, which breaks a line at any space, also at one that says not to.
    """
    lines = wrap(unbroken(text), max(width, LEAST_WIDTH), break_on_hyphens=False)
    return tuple(line.replace("\u00a0", " ") for line in lines)


def when_in_words(stretches: tuple[Stretch, ...]) -> str:
    """``from 0.2 s to 3.0 s`` as is likely, since the script began; of several stretches the first begin and the last end.

    ``from 0.2 s on`` where nobody knows the end.
    """
    if not stretches:
        return ""
    begin, end = time_in_words(stretches[0].from_s.likely), time_in_words(stretches[-1].until_s.likely)
    whole = f"at {begin}" if begin == end else f"from {begin} to {end}"
    if stretches[-1].until_s.high is None:
        whole = f"from {begin} on"
    return whole if len(stretches) == 1 else f"{whole}, in {len(stretches)} stretches"


def reasons(relation: RelationForecast, wait: Wait, *, most: int) -> Iterator[tuple[str, str, str]]:
    """(mode or why, place, statement) of what makes users wait so; locks through an index only where there are no others."""
    locks = [lock for lock in relation.locks if lock.blocks is wait.blocks]
    shown = [lock for lock in locks if lock.via is None][:most] or locks[:most]
    for lock in shown:
        via = f" through {lock.via}" if lock.via else ""
        yield f"{lock.mode}{via}", place(lock.file, lock.line), lock.statement
    if len(locks) > len(shown):
        yield f"and {counted(len(locks) - len(shown), 'more lock')} like these", "", ""
    own = relation.because if wait.blocks is relation.blocks else ()
    for sentence in own[:most] or dict.fromkeys(s.because for s in wait.stretches[:most] if s.because and not locks):
        yield _because(sentence), "", ""
    if wait.blocks is relation.blocks:
        for doubt in [doubt for doubt in relation.doubts if doubt not in {NOT_SEEN, BEHIND_UNSEEN}][:most]:
            yield f"and that is only possible: {doubt}", "", ""


def _because(sentence: str) -> str:
    """What nobody saw, as the reason of a wait."""
    where = sentence.removesuffix(UNSEEN)
    return sentence if where == sentence else f"what {where} does is unknown, and counts as the worst case"


def place(file: str, line: int) -> str:
    """``file:line``; nothing where it is no place in a file."""
    return f"{file}:{line}" if file and line else file


def amount(rows: float | None) -> str:
    """Rows with a thin space between thousands; nothing where nobody knows."""
    return "" if rows is None else f"{rows:,.0f}".replace(",", "\u202f")
