"""What ``lockage diagnose`` says of every fault of the catalogue, and of their harmless neighbours, each made for real.

``python benchmarks/fault_catalogue.py [--json] [NAME …]``: faults whose name holds one of the words; exit code 1 where less
than 95 % are named right, at any false alarm, and at any advice that destroys. The surprising thing: those of the local
platform need nothing; those of Kubernetes take the tests' own cluster, and only where ``make cluster-up`` has it up.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from faults.fault import Fault, Neighbour, against_fault, against_neighbour
from faults.ground import a_ground
from faults.local_catalogue import AS_ROOT, FAULTS

RESULTS = Path(__file__).parent / "results" / "fault_catalogue.json"
BAR = 0.95
"""Source: the bars of the design: faults named correctly."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault, or neighbour, and what was said of it."""

    where: str
    name: str
    expected: str  # "healthy" of a neighbour
    found: str
    confidence: float | None
    seconds: float
    wrong: tuple[str, ...]

    @property
    def line(self) -> str:
        sure = f"{self.confidence:.2f}" if self.confidence is not None else "    "
        verdict = "ok" if not self.wrong else f"WRONG: {self.wrong[0]}"
        name, found = f"{self.name[:52]:52}", f"{self.found[:30]:30}"
        return f"{self.where:7} {name} {self.expected:8} {found} {sure:5} {self.seconds:5.1f} s  {verdict}"


def row(where: str, ground: Any, case: Fault | Neighbour, *, catalog: bool = False) -> Row:
    """The case made, diagnosed and ended; with ``catalog`` the schema is compared, too."""
    more = {"catalog": True} if catalog else {}
    expected = case.code if isinstance(case, Fault) else "healthy"
    try:
        with case.make(ground):
            diagnosis, took_s = ground.diagnose(known=getattr(case, "known", True), **more)
    except Exception as error:  # noqa: BLE001 - the table goes on
        traceback.print_exc(limit=2)
        return Row(where=where, name=case.name, expected=expected, found="not made", confidence=None, seconds=0.0,
                   wrong=(f"it was not made: {type(error).__name__}",))  # fmt: skip
    judge: Callable[..., list[str]] = against_fault if isinstance(case, Fault) else against_neighbour
    trouble = [finding for finding in diagnosis.findings if not finding.harmless]
    chain = [f"{f.code}{f' because {f.because}' if f.because else ''}" for f in trouble]
    harmless = [f"({finding.code})" for finding in diagnosis.findings if finding.harmless]
    return Row(
        where=where,
        name=case.name,
        expected=expected,
        found=", ".join((*chain, *harmless)) or "healthy",
        confidence=trouble[0].confidence if trouble else None,
        seconds=round(took_s, 2),
        wrong=tuple(judge(case, diagnosis)),
    )


def cases(faults: tuple[Fault, ...], words: list[str]) -> Iterator[tuple[Fault | Neighbour, bool]]:
    """Each fault and its neighbour, where a name holds one of the words; and whether the schema is compared.

    A neighbour of two faults comes once.
    """
    came: set[tuple[Neighbour, bool]] = set()
    for fault in faults:
        beside = fault.neighbour
        names = (fault.name, *((beside.name,) if beside is not None else ()))
        if words and not any(word in name for word in words for name in names):
            continue
        yield fault, fault.catalog
        if beside is not None and (beside, fault.catalog) not in came:
            came.add((beside, fault.catalog))
            yield beside, fault.catalog


def local_rows(words: list[str], show: Callable[[Row], None]) -> Iterator[Row]:
    """Those of the local platform."""
    chosen = list(cases((*FAULTS, *(AS_ROOT if os.geteuid() == 0 else ())), words))
    if not chosen:
        return
    with a_ground() as ground:
        for case, catalog in chosen:
            found = row("local", ground, case, catalog=catalog)
            ground.end_fault()
            show(found)
            yield found


def cluster_rows(words: list[str], show: Callable[[Row], None]) -> Iterator[Row]:
    """Those of Kubernetes, where the tests' own cluster is up."""
    from e2e.cluster import whole  # noqa: PLC0415 - it may be missing

    own = whole.status()
    if own is None:
        print("(those of Kubernetes are left out: no cluster is up; make cluster-up)", file=sys.stderr)
        return
    from faults.cluster_catalogue import FAULTS as ON_CLUSTER  # noqa: PLC0415
    from faults.cluster_stage import on_namespace, pods_server  # noqa: PLC0415

    chosen = list(cases(ON_CLUSTER, words))
    with ExitStack() as stack:
        server = stack.enter_context(pods_server(own)) if chosen else None
        for case, _ in chosen:
            with tempfile.TemporaryDirectory() as folder, on_namespace(own, server, Path(folder)) as ground:
                found = row("cluster", ground, case)
            show(found)
            yield found


def main() -> int:
    """Exit code 1 below the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("words", nargs="*", help="faults whose name holds one of these")
    asked = parser.parse_args()
    show = (lambda _: None) if asked.json else (lambda found: print(found.line, flush=True))
    rows = [*local_rows(asked.words, show), *cluster_rows(asked.words, show)]
    faults = [found for found in rows if found.expected != "healthy"]
    neighbours = [found for found in rows if found.expected == "healthy"]
    right = sum(not found.wrong for found in faults)
    summary = {
        "schema": "lockage.bench.fault-catalogue/1",
        "bar": BAR,
        "faults": len(faults),
        "named_right": right,
        "neighbours": len(neighbours),
        "false_alarms": sum(bool(found.wrong) for found in neighbours),
        "slowest_s": max((found.seconds for found in rows), default=0.0),
        "rows": [asdict(found) for found in rows],
    }
    if not asked.words:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(summary, indent=2) + "\n")
    if asked.json:
        print(json.dumps(summary, indent=2))
    else:
        print(
            f"{right} of {len(faults)} faults named right, {summary['false_alarms']} of {len(neighbours)} harmless neighbours"
            f" taken for a fault, slowest answer {summary['slowest_s']} s"
        )
    return 0 if right >= BAR * len(faults) and not summary["false_alarms"] else 1


if __name__ == "__main__":
    sys.exit(main())
