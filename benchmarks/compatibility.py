"""Which old queries break: what a forecast says, beside the same queries on kept sessions of a database with data.

``python benchmarks/compatibility.py [--majors 18,15]``: every change of ``tests/corpus/compatibility``, its queries once with
their values and once as ``pg_stat_statements`` prints them; then how long many statements take. Exit code 1 where anything is
missed or invented. The surprising thing: what hangs on values that nobody knows may be said to be possible, and is counted
apart.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lockage.adapters.postgres.binaries import find_binaries
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.core.forecast.compatibility import Sure
from lockage.core.release.statements import OldStatement
from support.compatibility_corpus import Case, Truth, cases, said

TABLES = 120
STATEMENTS = (500, 5000)
FORMS = (
    "select id, name, status from t{i} where id = $1 and {n} = {n}",
    "select t.*, p.name from t{i} as t left join t{j} as p on p.id = t.parent where t.at > now() - interval $1 limit {n}",
    "insert into t{i} (id, parent, name, total) values ($1, $2, $3, {n}) returning *",
    "update t{i} set status = $1, total = total + {n} where id = $2",
    "delete from t{i} where at < $1 and {n} = {n}",
    "select count($1), sum(total) from t{i} where status = any (array[$2, $3]) and {n} = {n} group by status",
    "with x as (select id from t{i} limit {n} for update skip locked) update t{i} set status = $1 from x where x.id = t{i}.id",
)


def main() -> int:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--majors", default="18,15")
    wanted = [int(word) for word in parser.parse_args().majors.split(",")]
    print(f"{'major':>5}  {'queries':>7}  {'break':>5}  {'found':>5}  {'possible':>8}  {'missed':>6}  {'invented':>8}")
    wrong = 0
    for major in wanted:
        if (binaries := find_binaries(major)) is None:
            print(f"{major:>5}  (no server programs here)")
            continue
        settings = {"shared_preload_libraries": "pg_stat_statements"}
        with throwaway(binaries=binaries, settings=settings) as server, EmbeddedShadows().empty(major=major) as shadow:
            truth = Truth(server)
            counts: Counter[str] = Counter()
            for case in cases():
                real, printed = truth.of(case)
                others = [text for query in case.queries for text in query.others]
                counts += _compared(case, real, printed, said(shadow, case, list({*printed, *printed.values(), *others})))
            truth.close()
        wrong += counts["missed"] + counts["invented"]
        print(
            f"{major:>5}  {counts['queries']:>7}  {counts['break']:>5}  {counts['found']:>5}  {counts['possible']:>8}"
            f"  {counts['missed']:>6}  {counts['invented']:>8}"
        )
    _speed()
    return 1 if wrong else 0


def _compared(case: Case, real: dict[str, str | None], printed: dict[str, str], found: dict[str, Sure]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for query in case.queries:
        breaks = real[query.text] is not None
        for text in {query.text, printed[query.text], *query.others}:
            counts["queries"] += 1
            counts["break"] += breaks
            sure = found.get(text)
            if sure is Sure.POSSIBLE and query.by_value:
                counts["possible"] += 1
            elif breaks:
                counts["found" if sure in {Sure.CERTAIN, Sure.VALUES} else "missed"] += 1
            elif sure is not None:
                counts["invented"] += 1
                print(f"       invented in {case.name!r}: {text}")
    return counts


def _speed() -> None:
    print(f"\n{'statements':>10}  {'before':>7}  {'after':>7}")
    for count in STATEMENTS:
        with EmbeddedShadows().empty() as shadow:
            for i in range(TABLES):
                parent = f"bigint references t{i - 1}" if i else "bigint"
                shadow.run(
                    f"create table t{i} (id bigint primary key, parent {parent}, name text not null, status text,"
                    f" total numeric, at timestamptz default now()); create index on t{i} (parent)"
                )
            statements = [
                OldStatement(text=FORMS[n // TABLES % len(FORMS)].format(i=n % TABLES, j=max(n % TABLES - 1, 0), n=n))
                for n in range(count)
            ]
            with shadow.statements() as old:
                begun = time.monotonic()
                assert not old.prepare(statements)
                before = time.monotonic() - begun
                shadow.run("alter table t7 drop column status; alter table t9 add column more text")
                begun = time.monotonic()
                assert old.broken().breaks
                print(f"{count:>10}  {before:>5.1f} s  {time.monotonic() - begun:>5.1f} s")


if __name__ == "__main__":
    sys.exit(main())
