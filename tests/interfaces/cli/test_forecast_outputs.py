"""``lockage forecast --output``: which forms there are, where they go, and what is refused."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from lockage.errors import RefusedError, UsageError
from lockage.interfaces.cli.forecast_outputs import Form, Output, give_out, outputs_of, rendered
from lockage.interfaces.cli.main import run
from support.page_forecasts import usual

BEGINS = {
    Form.TEXT: "2 migrations: ",
    Form.JSON: '{\n  "schema": "lockage.forecast/1"',
    Form.MARKDOWN: "<!-- lockage forecast -->\n## ",
    Form.SARIF: '{\n  "$schema": ',
    Form.HTML: "<!doctype html>\n",
}


def test_without_a_word_it_is_text() -> None:
    assert outputs_of((), as_json=False) == (Output(form=Form.TEXT),)


@pytest.mark.parametrize(("said", "as_json"), [((), True), (("json",), False), (("json",), True)])
def test_json_is_the_same_by_either_name(said: tuple[str, ...], as_json: bool) -> None:
    assert outputs_of(said, as_json=as_json) == (Output(form=Form.JSON),)


def test_files_go_beside_what_is_printed(tmp_path: Path) -> None:
    page = tmp_path / "a=b.html"
    assert outputs_of((f"html={page}",), as_json=True) == (Output(form=Form.HTML, file=page), Output(form=Form.JSON))
    assert outputs_of((f"html={page}",), as_json=False) == (Output(form=Form.HTML, file=page),)
    assert outputs_of(("text", f"json={page}"), as_json=False) == (Output(form=Form.TEXT), Output(form=Form.JSON, file=page))


@pytest.mark.parametrize(
    ("said", "as_json", "code", "message"),
    [
        (("pdf",), False, "LK685", "--output pdf is none of text, json, markdown, sarif, html, nor one of them with =FILE"),
        (("html=",), False, "LK685", "--output html= is none of"),
        (("html",), True, "LK003", "--output html and --json exclude each other"),
        (("html", "sarif"), False, "LK003", "--output html and --output sarif exclude each other"),
        (("html=x", "sarif=x"), False, "LK686", "two outputs would go to x"),
        (("html=/nowhere/at/all.html",), False, "LK686", "/nowhere/at/all.html is in a folder that does not exist"),
        (("html=/",), False, "LK686", "/ is a folder"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(
    said: tuple[str, ...], as_json: bool, code: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        outputs_of(said, as_json=as_json)
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize("form", Form)
def test_each_form_is_written_whole_and_nothing_else_is_left(form: Form, tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("the former one")
    give_out(usual(), [Output(form=form, file=file)])
    assert file.read_text(encoding="utf-8").startswith(BEGINS[form])
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("form", [Form.MARKDOWN, Form.SARIF, Form.HTML])
def test_each_form_is_printed(form: Form, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    give_out(usual(), [Output(form=form)])
    assert capfdbinary.readouterr().out == rendered(usual(), form)


def test_a_file_that_does_not_take_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    output = Output(form=Form.HTML, file=tmp_path / "gone" / "a.html")
    (tmp_path / "gone").rmdir()
    with pytest.raises(RefusedError, match="cannot be written: No such file or directory") as caught:
        give_out(usual(), [output])
    assert caught.value.code == "LK687"


def test_json_in_a_file_is_the_record() -> None:
    assert json.loads(rendered(usual(), Form.JSON)) == json.loads(msgspec.json.encode(usual()))


@pytest.mark.parametrize("arguments", [("--output", "json"), ("--output=json",), ("--json",)])
def test_who_asks_for_json_gets_the_failure_as_json(
    arguments: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none")
    assert run(("forecast", "--migrations", missing, *arguments), environment={"LOCKAGE_HOME": str(tmp_path)}) == 2
    assert json.loads(capsys.readouterr().err)["code"] == "LK411"


def test_a_wrong_output_is_told_before_the_migrations_are_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("forecast", "--migrations", str(tmp_path / "none"), "--output", "pdf")
    assert run(arguments, environment={"LOCKAGE_HOME": str(tmp_path)}) == 2
    assert "error LK685" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("form", list(Form))
def test_a_full_disk_behind_standard_output_is_a_refusal(form: Form) -> None:
    show = "from lockage.interfaces.cli.forecast_outputs import *; from support.page_forecasts import usual; import sys\n"
    show += f"try: give_out(usual(), [Output(form=Form({form.value!r}))])\n"
    show += "except RefusedError as error: print(error.code, error.message, file=sys.stderr)"
    with Path("/dev/full").open("wb") as full:
        beside = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        done = subprocess.run(
            [sys.executable, "-c", show], stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=beside
        )
    assert done.stderr.startswith("LK687 the forecast cannot be printed: No space left on device\n")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--migrations", ".", "--database", ""], "--database is empty", "is the variable set that holds the URL?"),
        (
            ["--migrations", ".", "--survey", "s.survey", "--check-data"],
            "--check-data asks the database itself, and s.survey is only a file",
            "leave it out, or take --database URL in the place of --survey s.survey",
        ),
        (
            ["--migrations", ".", "--survey", "s.survey", "--calibrate=read"],
            "--calibrate=read measures the database itself, and s.survey is only a file",
            "leave it out, or take --database URL in the place of --survey s.survey",
        ),
        (
            ["--migrations", ".", "--fail-on", "bad"],
            "Invalid value for '--fail-on': 'bad' is not one of 'note', 'warning', 'error'",
            "lockage forecast --help",
        ),
    ],
)
def test_a_wrong_command_line_says_what_to_type_instead(
    arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["forecast", *arguments], environment={}) == 2
    told = capsys.readouterr().err
    assert f": {message}\nhint: {hint}\n" in told


def test_names_that_need_quotes_have_them_but_in_json(tmp_path: Path) -> None:
    made = usual()
    odd = replace(made.relations[0], relation="public.Order Items")
    forms = {form: tmp_path / form for form in Form}
    give_out(
        replace(made, relations=(odd, *made.relations[1:])), [Output(form=form, file=file) for form, file in forms.items()]
    )
    shown = {form: html.unescape(file.read_text(encoding="utf-8")) for form, file in forms.items()}
    assert {form for form, text in shown.items() if "public.Order Items" in text} == {Form.JSON}
    assert {form for form, text in shown.items() if 'public."Order Items"' in text} >= {Form.TEXT, Form.MARKDOWN, Form.HTML}
