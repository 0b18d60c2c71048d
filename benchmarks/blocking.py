"""Who waits for whom: the forecast, and what linters of SQL texts say, beside real sessions that do or do not wait.

``python benchmarks/blocking.py [--majors 18,15] [--kind KIND] [--json] [WORD …]``: cases of ``tests/corpus/blocking`` that
have one of the words. The truth is measured on servers with data, the forecast made on a shadow of the same major. Exit
code 1 where the forecast misses anything. The surprising thing: a miss is milder than the truth, an invention worse, so every
pair of a case and a relation counts once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psycopg

from _linters import Linter, installed_linters
from lockage.adapters.postgres.binaries import find_binaries
from lockage.adapters.postgres.shadow import EmbeddedShadows
from lockage.adapters.postgres.throwaway import throwaway
from lockage.ports import Shadows
from support.blocking_corpus import WORLDS, Case, cases, foretold
from support.blocking_truth import Truth, compared, level
from support.undone import UndoneShadows
from support.waiting_sessions import FROM_WORST

RESULTS = Path(__file__).parent / "results" / "blocking.json"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case on one major, as one tool has it."""

    major: int
    tool: str
    kind: str
    case: str
    found: list[str]
    missed: list[str]
    invented: list[str]
    possible: list[str]  # worse than the truth, and said to hang on what cannot be told
    unknown: list[str]


def forecast(case: Case, url: str, shadows: Shadows) -> tuple[dict[str, str], list[str], dict[str, str]]:
    """Relation to who waits, what is unknown, and relation to who waits in any case."""
    said, unknown, surely = foretold(case, url, shadows)
    return said, [f"{each.line}: {each.reason}" for each in unknown], surely


def rows(major: int, truth: Truth, chosen: list[Case], linters: list[Linter]) -> Iterator[Row]:
    """Every case as Lockage and the linters have it."""
    with EmbeddedShadows().of_database(truth.url) as kept:
        for case in chosen:
            if case.since_major > major:
                continue
            try:
                real = truth.of(case)
            except psycopg.Error as error:
                print(f"{major} {case.id} does not run: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
                continue
            said, unknown, surely = forecast(
                case, truth.url, EmbeddedShadows() if case.outside or case.each else UndoneShadows(kept)
            )
            common = {"major": major, "kind": case.kind, "case": case.name}
            yield Row(tool="lockage", **common, **compared(real, said, order=FROM_WORST, surely=surely), unknown=unknown)
            tables = {relation: blocks for relation, blocks in real.items() if level(blocks) != "none"}
            for linter in linters:
                claimed = linter.claims(case)
                yield Row(tool=linter.name, **common, **compared(tables, claimed, order=FROM_WORST), unknown=[])


_SETTINGS = {"max_prepared_transactions": "5", "autovacuum": "off"}
"""An autovacuum that gives back the end of a table, which the tries of the sessions have filled, makes readers wait."""


@contextmanager
def truths(majors: list[int], worlds: list[str]) -> Iterator[dict[tuple[int, str], Truth]]:
    """A server with the corpus' schemas for each major whose programs are here."""
    with ExitStack() as stack:
        found: dict[tuple[int, str], Truth] = {}
        for major in majors:
            binaries = find_binaries(major)
            if binaries is None:
                print(f"(no server programs of PostgreSQL {major} on this machine: left out)", file=sys.stderr)
                continue
            server = stack.enter_context(throwaway(binaries=binaries, tcp=True, settings=_SETTINGS))
            for world in worlds:
                found[major, world] = Truth(server, database=f"blocking_{world}", world=world)
        yield found


def table(all_rows: list[Row]) -> list[dict[str, object]]:
    """Sums by tool, major and kind, then by tool and major."""
    sums: dict[tuple[str, int, str], Counter[str]] = {}
    for row in all_rows:
        for kind in (row.kind, "all"):
            into = sums.setdefault((row.tool, row.major, kind), Counter())
            into["cases"] += 1
            into["exact"] += not row.missed and not row.invented and not row.possible
            for verdict in ("found", "missed", "invented", "possible", "unknown"):
                into[verdict] += len(getattr(row, verdict))
    return [
        {"tool": tool, "major": major, "kind": kind, **{name: count[name] for name in _COLUMNS}}
        for (tool, major, kind), count in sorted(sums.items(), key=lambda item: (item[0][1], item[0][0], item[0][2] == "all"))
    ]


_COLUMNS = ("cases", "exact", "found", "missed", "invented", "possible", "unknown")


def main() -> int:
    """Print the table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--majors", default="18,15")
    parser.add_argument("--kind", default="")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--no-linters", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where a run over all cases leaves its JSON")
    parser.add_argument("words", nargs="*")
    asked = parser.parse_args()
    chosen = [
        case
        for world in WORLDS
        for case in cases(world)
        if asked.kind in ("", case.kind) and (not asked.words or any(word in case.id for word in asked.words))
    ]
    linters, absent = ([], []) if asked.no_linters else installed_linters(chosen)
    begun = time.monotonic()
    everything: list[Row] = []
    worlds = [world for world in WORLDS if any(case.world == world for case in chosen)]
    with truths([int(major) for major in asked.majors.split(",")], worlds) as found:
        for (major, world), truth in found.items():
            for row in rows(major, truth, [case for case in chosen if case.world == world], linters):
                everything.append(row)
                if row.tool == "lockage" and (row.missed or row.invented or row.possible) and not asked.json:
                    print(f"{major} {row.kind}: {row.case}", flush=True)
                    for verdict in ("missed", "invented", "possible", "unknown"):
                        for what in getattr(row, verdict):
                            print(f"     {verdict:8} {what}", flush=True)
    sums = table(everything)
    uneven = [asdict(row) for row in everything if row.missed or row.invented or row.possible]
    summary = {"schema": "lockage.bench.blocking/1", "absent": absent, "sums": sums, "rows": uneven}
    if not asked.words and not asked.kind:
        asked.results.parent.mkdir(exist_ok=True)
        asked.results.write_text(json.dumps(summary, indent=1) + "\n")
    if asked.json:
        print(json.dumps(summary, indent=1))
    else:
        _print(sums, absent, seconds=time.monotonic() - begun)
    return 1 if any(row.missed for row in everything if row.tool == "lockage") else 0


def _print(sums: list[dict[str, object]], absent: list[str], *, seconds: float) -> None:
    print(f"\n{'tool':<10} {'major':>5} {'kind':<24} " + " ".join(f"{name:>8}" for name in _COLUMNS))
    for row in sums:
        if row["tool"] == "lockage" or row["kind"] == "all":
            print(f"{row['tool']:<10} {row['major']:>5} {row['kind']:<24} " + " ".join(f"{row[name]:>8}" for name in _COLUMNS))
    print("possible: worse than the truth, and said to hang on rows, or on what was not seen.")
    print("found, missed, invented: pairs of a case and a relation. Lockage is asked about reads, writes and rows; linters")
    print("about reads and writes, since no SQL text tells rows; of one that names no table the first one named counts.")
    for name in absent:
        print(f"({name})")
    print(f"({seconds:.0f} s)")


if __name__ == "__main__":
    sys.exit(main())
