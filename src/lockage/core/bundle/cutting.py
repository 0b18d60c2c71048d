"""What is left of a source that is larger than its limit: the newest of it, and a sentence about the rest.

Not for deciding limits (``settings.Bundling``). The surprising thing: lines are never cut in two; a line that is larger than
the whole limit is left out with all before it, and the sentence says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lockage.core.diagnosis.evidence import Evidence, LogText


def newest_lines(lines: Sequence[str], limit_bytes: int) -> tuple[tuple[str, ...], str | None]:
    """The newest lines that fit, and what was left out, if anything was."""
    size = 0
    for kept, line in enumerate(reversed(lines)):
        size += len(line.encode("utf-8", "surrogatepass")) + 1
        if size > limit_bytes:
            return tuple(lines[len(lines) - kept :]), f"the oldest {len(lines) - kept} of {len(lines)} lines were left out"
    return tuple(lines), None


def cut_evidence(
    evidence: Evidence, *, log_bytes: int, logs_bytes: int, server_log_bytes: int
) -> tuple[Evidence, dict[str, str]]:
    """The evidence with logs that fit, and what was left out of each by its place in the bundle."""
    logs, cuts = evidence.platform.logs, dict[str, str]()
    if logs:
        each = min(log_bytes, logs_bytes // len(logs))
        logs = tuple(_cut_log(log, each, cuts) for log in logs)
    server_log = evidence.database.server_log
    if server_log is not None:
        server_log, cut = newest_lines(server_log, server_log_bytes)
        if cut is not None:
            cuts[SERVER_LOG] = cut
    return replace(
        evidence,
        platform=replace(evidence.platform, logs=logs),
        database=replace(evidence.database, server_log=server_log),
    ), cuts


SERVER_LOG = "postgresql.log"


def log_path(log: LogText) -> str:
    """Where a log is in the bundle."""
    return f"logs/{safe_name(log.replica)}/{safe_name(log.container)}{'.previous' if log.previous else ''}.log"


def safe_name(name: str) -> str:
    """A name as part of a path: nothing that leads elsewhere."""
    made = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name).lstrip(".")
    return made[:120] or "_"


def _cut_log(log: LogText, limit_bytes: int, cuts: dict[str, str]) -> LogText:
    lines, cut = newest_lines(log.lines, limit_bytes)
    if cut is not None:
        cuts[log_path(log)] = cut
    elif log.cut:
        cuts[log_path(log)] = f"only the newest {len(lines)} lines were asked for"
    return replace(log, lines=lines, cut=log.cut or cut is not None)
