"""Which statements a check keeps from what stands behind it, since the values that are made up for them do not meet it.

Not for executing them without (``executing``). The surprising thing: what fails in the same way before and after a script looks
as if nothing had become of it, though a trigger behind the check may fail now for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from lockage.adapters.postgres.preparing import Prepared
from lockage.adapters.postgres.reaching_out import words_of
from lockage.core.forecast.compatibility import NAMED, Break, in_short
from lockage.core.forecast.strictness import Demanding, Strictness
from lockage.core.forecast.trace import Failure
from lockage.core.release.statements import OldStatement
from lockage.core.sqlstate import CHECK_VIOLATION, FOREIGN_KEY_VIOLATION, NOT_NULL_VIOLATION
from lockage.core.wording import counted

_WRITES = re.compile(r"\b(?:insert|update|delete|merge)\b", re.IGNORECASE)


def behind_checks(
    prepared: Sequence[Prepared],
    before: Mapping[bytes, Failure | None],
    strictness: Strictness,
    *,
    held: Collection[int],
) -> list[Prepared]:
    """Those that a check refuses, and writes that meet another row than the usual one, or none, for a check or rows ``held``.

    ``held`` are oids of tables that have rows which are not made up.
    """
    odd = {
        table.name.rpartition(".")[2].lower()
        for oid, table in strictness.tables.items()
        if oid in held or _is_checked(table, strictness)
    }
    return [
        each for each in prepared if _is_refused(before[each.name]) or (_WRITES.search(each.text) and words_of(each.text) & odd)
    ]


def is_of_the_schema(found: Break) -> bool:
    """Whether a break comes of names, types and what must be given, and not of a value that a check may refuse anyway."""
    return found.sqlstate == NOT_NULL_VIOLATION or found.sqlstate.startswith(("42", "0A"))


def about_half_checked(
    prepared: Sequence[Prepared], failed: Mapping[bytes, Failure | None], *, broken: Collection[OldStatement]
) -> Iterator[str]:
    """A sentence about what executing says little of: it failed before the script too, on values that are made up."""
    through = {each.statement for each in prepared if failed.get(each.name) is None}
    half = [each for each in prepared if not each.widened and each.statement not in through and each.statement not in broken]
    if half:
        named = "; ".join(in_short(each.text) for each in half[:NAMED])
        fail = "it fails" if len(half) == 1 else "they fail"
        yield (
            f"of {counted(len(half), 'statement')} of the running release only names and types were checked, since {fail} "
            f"before the script too, on values that are made up, such as {named}"
        )


def _is_refused(failure: Failure | None) -> bool:
    if failure is None:
        return False
    # The row that it refers to may be one that a check kept from being made up.
    return failure.sqlstate == FOREIGN_KEY_VIOLATION or (
        failure.sqlstate == CHECK_VIOLATION and "check constraint" in failure.message
    )


def _is_checked(table: Demanding, strictness: Strictness) -> bool:
    """Whether a check may keep rows out of a table."""
    if table.kind not in {"r", "p"}:
        return False
    return any(each.kind == "c" for each in table.constraints) or any(
        column.type_oid in strictness.domains for column in table.columns.values()
    )
