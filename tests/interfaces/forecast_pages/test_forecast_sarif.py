"""A forecast as SARIF."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lockage.core.forecast.assess import Forecast, Hazard, Severity, Unknown
from lockage.interfaces.forecast_pages.sarif import RESULTS_MOST, Rule, sarif
from support.page_forecasts import EVERY, evil, nothing_known, usual

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
# A URI reference of RFC 3986 that is relative to the repository's root or begins with file:; nothing needs quoting any more.
URI = {"type": "string", "pattern": r"^(?!/)[A-Za-z0-9._~!$&'()*+,;=:@/%-]+$"}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "additionalProperties": False,
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "additionalProperties": False,
                    "properties": {"uri": URI},
                },
                "region": {
                    "type": "object",
                    "required": ["startLine"],
                    "additionalProperties": False,
                    "properties": {"startLine": {"type": "integer", "minimum": 1}},
                },
            },
        },
        "logicalLocations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"fullyQualifiedName": {"type": "string"}, "kind": {"type": "string"}},
            },
        },
    },
}
GITHUB = {
    # What GitHub asks of a log beyond what SARIF 2.1.0 does, and of SARIF those parts that we write. Unknown fields are
    # refused, as SARIF's own schema does. Source: SARIF 2.1.0, 3.13 to 3.54; GitHub, "SARIF support for code scanning".
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "additionalProperties": False,
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "additionalProperties": False,
                                "properties": {
                                    "name": {"type": "string", "minLength": 1},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "items": {
                                            "type": "object",
                                            "required": ["id", "shortDescription", "fullDescription", "help"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string", "minLength": 1},
                                                "name": {"type": "string", "maxLength": 255},
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "help": {**TEXT, "required": ["text", "markdown"]},
                                                "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}},
                                                "properties": {
                                                    "type": "object",
                                                    "properties": {
                                                        "problem.severity": {"enum": ["error", "warning", "recommendation"]},
                                                        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
                                                    },
                                                },
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "automationDetails": {"type": "object", "properties": {"id": {"type": "string", "pattern": "/$"}}},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "invocations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["executionSuccessful"],
                            "additionalProperties": False,
                            "properties": {
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": {
                                    "type": "array",
                                    "items": {"type": "object", "required": ["message"], "properties": {"message": TEXT}},
                                },
                            },
                        },
                    },
                    "results": {
                        "type": "array",
                        "maxItems": 25_000,
                        "items": {
                            "type": "object",
                            "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": LEVEL,
                                "message": TEXT,
                                "locations": {"type": "array", "minItems": 1, "maxItems": 10, "items": LOCATION},
                                "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                                "properties": {"type": "object"},
                            },
                        },
                    },
                    "properties": {"type": "object"},
                },
            },
        },
    },
}


def log_of(forecast: Forecast, **rules: Rule) -> Any:
    return json.loads(sarif(forecast, version="1.2.3", root=Path("/repository"), rules=rules))


def results(forecast: Forecast) -> Any:
    return log_of(forecast)["runs"][0]["results"]


def uri_of(result: Any) -> str:
    return result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]


def test_the_schema_of_this_test_is_one() -> None:
    Draft202012Validator.check_schema(GITHUB)


@pytest.mark.parametrize("make", EVERY)
def test_what_a_forge_asks_for_is_there(make: Callable[[], Forecast]) -> None:
    log = log_of(make())
    Draft202012Validator(GITHUB).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [r["ruleId"] for r in run["results"]]
    assert len({rule["id"] for rule in rules}) == len(rules)


def test_hazards_broken_statements_and_unknowns_are_results_the_worst_first() -> None:
    found = [(result["ruleId"], result["level"]) for result in results(usual())]
    assert found == [
        ("H001", "error"),
        ("H050", "error"),
        ("H011", "warning"),
        ("H044", "warning"),
        ("H030", "note"),
    ]


def test_what_a_hazard_gathers_is_told_once_at_each_of_its_places() -> None:
    (broken,) = usual().broken
    told = Hazard(
        code="H050",
        severity=Severity.ERROR,
        relation=None,
        file="a.sql",
        line=1,
        sentence="2 statements fail",
        remedy="Keep it.",
    )
    unseen = replace(told, code="H044", severity=Severity.WARNING, sentence="nobody saw what it does: r", remedy="Rehearse it.")
    fails = replace(told, code="H043", line=3, sentence="it fails: no table x (SQLSTATE 42P01)", remedy="Mend it.")
    forecast = replace(
        usual(),
        hazards=(told, unseen, fails),
        broken=(broken,),
        may_break=(replace(broken, query="SELECT 2", certain=False),),
        unknown=(
            Unknown(file="a.sql", line=1, reason="r"),
            Unknown(file="a.sql", line=2, reason="s"),
            Unknown(file="a.sql", line=3, reason="fails on the shadow: no table x (SQLSTATE 42P01)"),
        ),
    )
    found = [(one["ruleId"], one["level"], one["message"]["text"].rpartition("Remedy: ")[2]) for one in results(forecast)]
    assert found == [
        ("H043", "error", "Mend it."),
        ("H050", "error", "Keep it."),
        ("H050", "warning", "Keep it."),
        ("H044", "warning", "Rehearse it."),
        ("H044", "warning", "Rehearse it."),
    ]


def test_a_result_says_where_what_and_the_remedy() -> None:
    result = results(usual())[2]
    (location,) = result["locations"]
    assert uri_of(result) == "db/migrations/0043_backfill.up.sql"
    assert location["physicalLocation"]["region"] == {"startLine": 2}
    assert location["logicalLocations"] == [{"fullyQualifiedName": "public.api_keys", "kind": "relation"}]
    assert result["message"]["text"] == (
        "the index is built while writers wait. Remedy: CREATE INDEX CONCURRENTLY, in a file without a transaction."
    )


def test_a_hazard_that_holds_of_several_relations_at_one_place_is_one_result() -> None:
    first = replace(usual().hazards[0], relation="public.a", sentence="nobody can read public.a")
    second = replace(first, relation="public.b", sentence="nobody can read public.b")
    (found,) = results(replace(usual(), hazards=(first, second), broken=(), may_break=(), unknown=()))
    assert found["message"]["text"].startswith("nobody can read public.a; so it is with public.b. Remedy: ")
    assert [one["fullyQualifiedName"] for one in found["locations"][0]["logicalLocations"]] == ["public.a", "public.b"]


def test_a_hazard_of_the_whole_script_stands_at_its_first_line() -> None:
    result = results(usual())[-1]
    assert (uri_of(result), result["locations"][0]["physicalLocation"]["region"]) == (
        "db/migrations/0042_scopes.up.sql",
        {"startLine": 1},
    )


def test_what_is_about_no_file_stands_at_the_folder() -> None:
    (result,) = results(nothing_known())
    assert (result["ruleId"], uri_of(result)) == ("H044", ".")


@pytest.mark.parametrize(
    ("folder", "uri"),
    [
        ("db/migrations", "db/migrations/0042_scopes.up.sql"),
        ("./db", "db/0042_scopes.up.sql"),
        (".", "0042_scopes.up.sql"),
        (None, "0042_scopes.up.sql"),
        ("/repository/db", "db/0042_scopes.up.sql"),
        ("/elsewhere/db", "file:///elsewhere/db/0042_scopes.up.sql"),
        ("with space", "with%20space/0042_scopes.up.sql"),
    ],
)
def test_a_file_is_named_from_the_root_of_the_repository(folder: str | None, uri: str) -> None:
    forecast = usual()
    assert uri_of(results(replace(forecast, script=replace(forecast.script, folder=folder)))[0]) == uri


def test_what_is_known_of_a_hazard_is_its_rules_help() -> None:
    rule = Rule(id="H001", name="long exclusive lock", sentence="Why it is one", help="See *this*.", level=Severity.ERROR)
    (first, *_) = log_of(usual(), H001=rule)["runs"][0]["tool"]["driver"]["rules"]
    assert first["name"] == "LongExclusiveLock"
    assert first["shortDescription"]["text"] == "long exclusive lock."
    assert first["fullDescription"]["text"] == "Why it is one."
    assert first["help"] == {"text": "See *this*.", "markdown": "See *this*."}


def test_brackets_make_no_link() -> None:
    assert "[x](y)" not in results(evil())[0]["message"]["text"]


def test_fingerprints_tell_results_apart_and_stay_when_lines_move() -> None:
    forecast = usual()
    doubled = replace(forecast, hazards=forecast.hazards * 2)
    prints = [result["partialFingerprints"]["lockage/v1"] for result in results(doubled)]
    assert len(set(prints)) == len(prints)
    moved = replace(forecast, hazards=tuple(replace(hazard, line=hazard.line + 7) for hazard in forecast.hazards))
    assert [r["partialFingerprints"] for r in results(moved)] == [r["partialFingerprints"] for r in results(forecast)]


def test_what_is_too_much_for_a_forge_is_cut_from_the_mildest_and_counted() -> None:
    unknown = tuple(Unknown(file="a.sql", line=n, reason=f"reason {n}") for n in range(RESULTS_MOST))
    (run,) = log_of(replace(usual(), unknown=unknown))["runs"]
    assert len(run["results"]) == RESULTS_MOST
    assert run["results"][0]["ruleId"] == "H001"
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "4 more results were left out"


def test_a_statement_as_long_as_a_book_is_cut_in_its_message_and_told_from_others_by_all_of_it() -> None:
    (broken,) = usual().broken
    both = tuple(replace(broken, query=f"SELECT {'scope, ' * 20_000}{end}") for end in ("a", "b"))
    found = results(replace(usual(), hazards=(), broken=both, may_break=(), unknown=()))
    assert all(len(one["message"]["text"]) < 1200 for one in found)
    assert len({one["partialFingerprints"]["lockage/v1"] for one in found}) == 2
