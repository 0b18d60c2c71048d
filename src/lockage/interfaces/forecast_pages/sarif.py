"""A forecast as SARIF 2.1.0, which code scanning and editors show at the line that it is about.

Not for all of a forecast: what has no place in a file and is no danger (who waits when, strategies) is in the other outputs.
The surprising thing: a forge shows nothing that has no place, so a hazard of the whole script stands at its first file.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0; GitHub, "SARIF support for code scanning".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from lockage.core.forecast.assess import Forecast, Severity
from lockage.core.migration.shortened import shortened
from lockage.interfaces.wording.alike import hazards_alike
from lockage.interfaces.wording.forecast import broken_in_words, place, range_in_words

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

RESULTS_MOST = 5000
"""Results of one run that a forge shows; what is milder than these is left out, and counted. Source: GitHub's limits."""

QUERY_MOST = 1000
"""Characters of a statement in a message, which a forge shows beside a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is said of a rule wherever it is met."""

    id: str
    name: str  # in a word or two
    sentence: str
    help: str = ""  # as Markdown
    level: Severity = Severity.WARNING


UNKNOWN = Rule(
    id="H044",
    name="Unknown",
    sentence="What a statement does could not be seen, and counts as the worst case.",
    help="A statement that could not be executed, or code that did not run, may lock anything. Look at it, or rehearse it on a"
    " copy with data.",
)

BROKEN = Rule(
    id="H050",
    name="Broken statement",
    sentence="A statement of the running release fails once the script has run.",
    help="Replicas of the running release will fail while the new one starts. Change the schema so that both releases can"
    " work, or stop the running release first.",
    level=Severity.ERROR,
)

_ONE_BY_ONE = {UNKNOWN.id, BROKEN.id}
"""Hazards that gather what a forge shows better one by one, at the place of each and under the same rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """One result before it is written."""

    rule: str
    level: Severity
    text: str
    file: str
    line: int
    relations: tuple[str, ...] = ()
    key: str = ""  # what stays the same when lines move and times change


def sarif(forecast: Forecast, *, version: str, root: Path, rules: Mapping[str, Rule] | None = None) -> bytes:
    """The log as indented JSON.

    ``version`` is Lockage's own; ``root`` is the folder from which a forge counts paths: the repository's, as a rule; ``rules``
    are what is known of hazards, by their codes.
    """
    found = sorted(_results(forecast), key=lambda one: -list(Severity).index(one.level))
    kept, cut = found[:RESULTS_MOST], len(found) - RESULTS_MOST
    used = _rules(forecast, kept, rules or {})
    places = {rule.id: number for number, rule in enumerate(used)}
    notes = [_notification(f"{cut} more results were left out")] if cut > 0 else []
    written: dict[str, Any] = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "Lockage", "version": version, "rules": [_descriptor(rule) for rule in used]}},
                "automationDetails": {"id": "lockage-forecast/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
                "results": [
                    _result(one, places[one.rule], forecast, root) | {"partialFingerprints": {"lockage/v1": fingerprint}}
                    for one, fingerprint in zip(kept, _fingerprints(kept), strict=True)
                ],
                "properties": {"total": range_in_words(forecast.total_s), "transactions": forecast.transactions},
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(written), indent=2) + b"\n"


def _results(forecast: Forecast) -> Iterator[_Found]:
    for group in hazards_alike(hazard for hazard in forecast.hazards if hazard.code not in _ONE_BY_ONE):
        hazard = group.first
        said = f"{hazard.sentence}; {group.also}" if group.also else hazard.sentence
        yield _Found(
            rule=hazard.code,
            level=hazard.severity,
            text=_with_remedy(said, hazard.remedy),
            file=hazard.file,
            line=hazard.line,
            relations=tuple(filter(None, (hazard.relation, *group.others))),
            key=hazard.relation or "",
        )
    yield from _broken(forecast)
    yield from _unknown(forecast)


def _broken(forecast: Forecast) -> Iterator[_Found]:
    remedy = _remedy_of(BROKEN, forecast)
    for broken in (*forecast.broken, *forecast.may_break):
        query = " ".join(broken.query.split())
        said = f"{broken_in_words(broken)} (SQLSTATE {broken.sqlstate}): {shortened(query, most=QUERY_MOST)}"
        yield _Found(
            rule=BROKEN.id,
            level=BROKEN.level if broken.certain else Severity.WARNING,
            text=_with_remedy(said, remedy),
            file=broken.file,
            line=broken.line,
            key=query,
        )


def _unknown(forecast: Forecast) -> Iterator[_Found]:
    """What nobody saw, but for what a hazard at the same place says in the same words, as of a statement that fails."""
    remedy = _remedy_of(UNKNOWN, forecast)
    for unknown in forecast.unknown:
        why = unknown.reason.partition(": ")[2]
        told = (
            h.sentence
            for h in forecast.hazards
            if h.code not in _ONE_BY_ONE and (h.file, h.line) == (unknown.file, unknown.line)
        )
        if not (why and any(why in sentence for sentence in told)):
            yield _Found(
                rule=UNKNOWN.id,
                level=UNKNOWN.level,
                text=_with_remedy(unknown.reason, remedy),
                file=unknown.file,
                line=unknown.line,
                key=unknown.reason,
            )


def _remedy_of(rule: Rule, forecast: Forecast) -> str:
    return next((hazard.remedy for hazard in forecast.hazards if hazard.code == rule.id), "")


def _with_remedy(said: str, remedy: str) -> str:
    return f"{said}. Remedy: {remedy}" if remedy else said


def _rules(forecast: Forecast, found: Sequence[_Found], known: Mapping[str, Rule]) -> list[Rule]:
    """Every rule that a result names, in the order in which they are first named."""
    told = {rule.id: rule for rule in (UNKNOWN, BROKEN)} | dict(known)
    for hazard in forecast.hazards:
        if hazard.code not in told:
            told[hazard.code] = Rule(
                id=hazard.code, name=hazard.code, sentence=hazard.sentence, help=hazard.remedy, level=hazard.severity
            )
    return [told[rule] for rule in dict.fromkeys(one.rule for one in found)]


def _descriptor(rule: Rule) -> dict[str, Any]:
    said = rule.help or rule.sentence
    return {
        "id": rule.id,
        "name": re.sub(r"[^A-Za-z0-9]", "", rule.name.title()) or rule.id,
        "shortDescription": {"text": _stopped(rule.name if rule.name != rule.id else rule.sentence)},
        "fullDescription": {"text": _stopped(rule.sentence)},
        "help": {"text": said, "markdown": said},
        "defaultConfiguration": {"level": rule.level.value},
        "properties": {"tags": ["database", "migration"], "problem.severity": _problem(rule.level)},
    }


def _problem(level: Severity) -> str:
    return "recommendation" if level is Severity.NOTE else level.value  # GitHub's own word for the mildest


def _result(one: _Found, rule_index: int, forecast: Forecast, root: Path) -> dict[str, Any]:
    migrations = forecast.script.migrations
    file, line = (one.file, one.line) if one.file else (migrations[0].file if migrations else "", 1)
    region = {"region": {"startLine": line}} if file and line > 0 else {}
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(file, forecast.script.folder, root)}, **region}
    }
    if one.relations:
        location["logicalLocations"] = [{"fullyQualifiedName": name, "kind": "relation"} for name in one.relations]
    return {
        "ruleId": one.rule,
        "ruleIndex": rule_index,
        "level": one.level.value,
        "message": {"text": _message(one.text)},
        "locations": [location],
        "properties": {"place": place(one.file, one.line)},
    }


def _fingerprints(found: Sequence[_Found]) -> Iterator[str]:
    """What tells one result from every other of the log, and is the same in the next log."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for one in found:
        what = (one.rule, one.file, one.key)
        seen[what] += 1
        yield sha256("\0".join((*what, str(seen[what]))).encode()).hexdigest()


def _uri(file: str, folder: str | None, root: Path) -> str:
    """The file from the root of the repository where it lies there; elsewhere its absolute address. No file: the folder."""
    path = Path(folder or "") / file
    if path.is_absolute():
        path = path.relative_to(root) if path.is_relative_to(root) else path
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _message(text: str) -> str:
    """Plain text; brackets would make a link of it."""
    return _stopped(re.sub(r"([\[\]])", r"\\\1", " ".join(text.split())))


def _stopped(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _notification(text: str) -> dict[str, Any]:
    return {"level": Severity.WARNING.value, "message": {"text": text}}
