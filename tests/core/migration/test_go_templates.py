"""Templates in migrations are filled in as Go's text/template would, as far as values say, and else left as they are."""

from __future__ import annotations

import pytest

from lockage.core.migration.formats.format import SourceFile
from lockage.core.migration.formats.go_templates import filled
from lockage.core.migration.formats.registry import format_named
from lockage.core.migration.script import read_migrations
from lockage.errors import UsageError


def text(written: str, **values: str) -> str:
    return filled(SourceFile(name="1_a.up.sql", text=written, values=values)).text


def refusal(form: str, written: str, **values: str) -> UsageError:
    [migration] = read_migrations({"1_a.up.sql": written.encode()}, form=format_named(form), values=values)
    with pytest.raises(UsageError) as caught:
        migration.statements()
    return caught.value


@pytest.mark.parametrize("written", ["{{.p}}t", "{{ .p }}t", "{{- .p -}}t", '{{ index .Options "p" }}t', "{{$.p}}t"])
def test_a_value_is_put_in(written: str) -> None:
    assert text(written, p="x_") == "x_t"


@pytest.mark.parametrize(
    ("condition", "branch"),
    [
        ("if .postgres", "yes"),
        ("if .mysql", "no"),
        ("if not .mysql", "yes"),
        ("if or .mysql .postgres", "yes"),
        ("if and .postgres .on", "yes"),
        ("if and (not .on) .postgres", "no"),
        ("if .off", "no"),
    ],
)
def test_a_condition_is_decided_and_the_database_is_postgresql(condition: str, branch: str) -> None:
    assert text(f"{{{{{condition}}}}}yes{{{{else}}}}no{{{{end}}}}", on="true", off="false") == branch


def test_of_several_branches_one_is_taken() -> None:
    written = "{{if .mysql}}a{{else if .postgres}}b{{else if .postgres}}c{{else}}d{{end}}"
    assert text(written) == "b"
    assert text("{{if .mysql}}a{{if .postgres}}b{{end}}c{{end}}d") == "d"


def test_lines_stay_lines() -> None:
    written = "{{if .mysql}}\na\n{{else}}\nb\n{{end}}\n{{/* a\n note */}}\nc"
    assert text(written).split("\n") == ["", "", "", "b", "", "", "", "c"]


@pytest.mark.parametrize(
    "written",
    [
        "INSERT INTO t VALUES ('Dear {{.Name}}, {{if .Late}}hurry{{else}}relax{{end}}')",
        "SELECT '{{1,2},{3,4}}'::int[]",
        "SELECT '{{1}}', '{{', '}}', '{{ range .Items }}{{ . }}{{ end }}'",
    ],
)
@pytest.mark.parametrize("form", ["golang-migrate", "plain", "pop"])
def test_braces_in_what_a_migration_writes_stay_as_they_are(written: str, form: str) -> None:
    [migration] = read_migrations({"1_a.up.sql": written.encode()}, form=format_named(form))
    assert [statement.text for statement in migration.statements()] == [written]


@pytest.mark.parametrize("form", ["golang-migrate", "plain", "pop"])
def test_a_template_without_its_values_is_refused_with_line_and_names(form: str) -> None:
    error = refusal(form, "SELECT 1;\nCREATE TABLE {{.prefix}}t ({{if .wide}}a int{{end}});", other="x")
    assert (error.code, error.message) == ("LK651", "1_a.up.sql, line 2: the variable prefix is not set")
    assert error.hint == "give its value: --set prefix=VALUE --set wide=VALUE"


def test_a_template_that_calls_code_of_the_application_is_refused_as_that() -> None:
    error = refusal("golang-migrate", 'SELECT 1;\n{{ addColumn "t" "c" }}\n')
    assert error.code == "LK692"
    assert error.message.startswith("1_a.up.sql, line 2: code of the application fills in this template")


def test_sql_that_is_wrong_for_another_reason_is_said_to_be_wrong() -> None:
    assert refusal("golang-migrate", "SELEC 1;").code == "LK401"
