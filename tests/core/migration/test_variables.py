"""Variables that no file asks for are told; none that one of the formats would find is."""

from __future__ import annotations

import pytest

from lockage.core.migration.formats.variables import unused


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE ${schema}.t ()",
        "CREATE TABLE ${SCHEMA}.t ()",
        "CREATE TABLE ${schema:-public}.t ()",
        "CREATE TABLE ${schema:1:2}.t ()",
        "CREATE TABLE $schema.t ()",
        "CREATE TABLE {{.schema}}.t ()",
        "CREATE TABLE {{ $.schema }}.t ()",
        'CREATE TABLE {{ index .Options "schema" }}.t ()',
        "{{ if and .schema (not .other) }}CREATE TABLE t (){{ end }}",
        "{{- if eq .schema\n 'a' -}}",
    ],
)
def test_a_variable_that_a_file_asks_for_is_used(text: str) -> None:
    assert list(unused(["schema"], ["SELECT 1", text])) == []


@pytest.mark.parametrize("text", ["", "CREATE SCHEMA schema", "SELECT '${schemata}', $1", "{{.schemas}}"])
def test_one_that_no_file_asks_for_is_not(text: str) -> None:
    assert list(unused(["schema", "flyway:x"], [text])) == ["schema", "flyway:x"]


def test_a_name_with_a_colon_or_a_dot_is_found_whole() -> None:
    assert list(unused(["flyway:table", "a.b"], ["${flyway:table} ${a.b}"])) == []
