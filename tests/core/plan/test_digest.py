"""The seal of a plan file, and whether its facts still hold."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import Probe, UpdateKind
from lockage.core.plan.digest import check_plan_file, content_digest, facts_digest, facts_hold, facts_of, plan_file, sealed
from lockage.core.plan.planner import plan
from lockage.core.plan.steps import OnBlocker, Plan, Strategy
from lockage.errors import LockageError, RefusedError, UsageError
from lockage.settings import Settings
from support.plan_material import LIVENESS, NOW, breaking, harmless, survey, towpath, workload


@cache
def approved() -> Plan:
    return plan(survey(), towpath(), target="2.27.8", forecasts=(harmless(), breaking()), now=NOW, settings=Settings())


@cache
def text() -> str:
    return plan_file(approved())


def failure(content: str) -> LockageError:
    with pytest.raises((RefusedError, UsageError)) as told:
        check_plan_file(content, file="plan.yaml")
    return told.value


# --- the file ------------------------------------------------------------------------------------------------------------


def test_a_plan_file_is_read_back_as_it_was_made() -> None:
    assert check_plan_file(text()) == approved()


def test_line_endings_and_blank_lines_at_the_end_do_not_matter() -> None:
    assert check_plan_file(text().replace("\n", "\r\n") + "\n\n") == approved()


def test_an_edited_plan_is_refused() -> None:
    told = failure(text().replace("strategy: rolling", "strategy: scale-to-zero", 1))
    assert (told.code, told.exit_code) == ("LK230", 3)
    assert told.message == (
        f"plan.yaml was edited after Lockage wrote it: its content is not what its seal {approved().content_digest[:19]} says"
    )
    assert told.hint == "lockage plan demo --to 2.27.8 -o FILE"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("strategy: rolling", "strategy: scale-to-zero # was: rolling"),  # a comment that says something else
        ("deployment: demo", "deployment: harmless\ndeployment: demo"),  # a decoy that YAML lets the later one win over
        ("  limit_s: 30.0", "  limit_s: 30.00"),
        ("schema: lockage.plan/1", "---\nschema: lockage.plan/1"),
    ],
)
def test_what_only_a_person_would_read_is_refused_too(old: str, new: str) -> None:
    assert failure(text().replace(old, new, 1)).code == "LK230"


def test_a_new_seal_on_an_edited_plan_is_another_plan() -> None:
    edited = sealed(msgspec.structs.replace(approved(), replicas=5))
    assert edited.content_digest != approved().content_digest
    assert check_plan_file(plan_file(edited)) == edited


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "plan.yaml is not a plan: "),
        ("just words", "plan.yaml is not a plan: Expected `object`, got `str`"),
        ("a: [1", "plan.yaml is not a plan: "),
        ("schema: lockage.plan/1\n", "plan.yaml is not a plan: Object missing required field `deployment`"),
        ("schema: lockage.plan/1\nunknown: 1\n", "plan.yaml is not a plan: Object contains unknown field `unknown`"),
        ("deployment: demo\n", "plan.yaml is not a plan: Object missing required field `schema`"),
        ("schema: 1\n", "plan.yaml is not a plan: Expected `str`, got `int` - at `$.schema`"),
        ("- " * 3000, "plan.yaml is not a plan: "),
        ("schema: \x01", "plan.yaml is not a plan: "),
        ("created_at: 2026-99-99 13:00:00\nschema: lockage.plan/1", "plan.yaml is not a plan: "),
    ],
)
def test_what_is_no_plan_is_wrong_usage(content: str, said: str) -> None:
    told = failure(content)
    assert (told.code, told.exit_code) == ("LK232", 2)
    assert told.message.startswith(said)
    assert told.hint == "lockage plan NAME --to RELEASE -o FILE"


def test_a_plan_of_another_schema_version_is_wrong_usage() -> None:
    told = failure(text().replace("lockage.plan/1", "lockage.plan/2", 1))
    assert (told.code, told.exit_code) == ("LK233", 2)
    assert told.message == "plan.yaml says schema lockage.plan/2, and this Lockage reads lockage.plan/1"


@given(st.data())
def test_any_one_letter_changed_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text().rstrip()) - 1))
    letter = data.draw(st.sampled_from("0179aez #-:'\"\n\t{}[]&*!|>%@`,é") | st.characters(codec="utf-8"))
    edited = text()[:at] + letter + text()[at + 1 :]
    if edited != text():
        assert failure(edited).code in {"LK230", "LK232", "LK233"}


@given(st.integers(0, 2**31), st.sampled_from(Strategy), st.sampled_from(OnBlocker), st.text(max_size=40))
def test_any_plan_survives_its_file(replicas: int, strategy: Strategy, on_blocker: OnBlocker, words: str) -> None:
    first = msgspec.structs.replace(approved().hops[0], strategy=strategy, reasons=(words,))
    changed = sealed(
        msgspec.structs.replace(
            approved(),
            replicas=replicas,
            hops=(first,),
            on_blocker=on_blocker,
            warnings=(words, f"a: {words} #"),
            liveness=None,
        )
    )
    assert check_plan_file(plan_file(changed)) == changed


@pytest.mark.parametrize("field", [name for name in Plan.__struct_fields__ if name not in {"schema", "content_digest"}])
def test_every_field_counts_for_the_seal(field: str) -> None:
    others: dict[str, Any] = {
        "created_at": NOW.replace(year=2027), "hops": (), "warnings": ("x",), "on_blocker": OnBlocker.TERMINATE,
        "strategy_asked": Strategy.ROLLING, "probe_budget_asked_s": 1.0,
        "liveness": None, "facts": None, "tolerances": msgspec.structs.replace(approved().tolerances, forecast_factor=9.0),
    }  # fmt: skip
    other = others[field] if field in others else getattr(approved(), field) * 2
    changed = msgspec.structs.replace(approved(), **{field: other})
    assert changed != approved()
    assert content_digest(changed) != approved().content_digest


# --- the facts -----------------------------------------------------------------------------------------------------------


def test_facts_that_have_not_changed_hold() -> None:
    later = replace(survey(), at=NOW.replace(hour=20), events=(), workload=replace(workload(), resource_version="99"))
    assert facts_hold(approved(), later) == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"replicas": 5}, "replicas was 3, and is 5"),
        ({"image": "towpath:2.26.1"}, "image was towpath:2.26.0, and is towpath:2.26.1"),
        ({"update": UpdateKind.RECREATE}, "update was RollingUpdate, and is Recreate"),
        ({"owners": ("Flux x",)}, "owners was none, and is Flux x"),
        ({"max_surge": 2}, "max surge was 1, and is 2"),
        ({"max_unavailable": 1}, "max unavailable was 0, and is 1"),
        ({"readiness": None}, f"readiness was {Probe(period_s=1.0)}, and is none"),
        ({"liveness": replace(LIVENESS, failure_threshold=6)}, None),
    ],
)
def test_a_fact_of_the_workload_that_changed_is_named(changes: dict[str, Any], sentence: str | None) -> None:
    found = facts_hold(approved(), replace(survey(), workload=replace(workload(), **changes)))
    assert len(found) == 1
    assert sentence is None or found == (sentence,)


def test_several_changed_facts_are_all_named() -> None:
    found = survey("2.26.6")
    assert facts_hold(approved(), found) == (
        "release was 2.26.0, and is 2.26.6",
        "image was towpath:2.26.0, and is towpath:2.26.6",
        "ledger version was 12, and is 13",
    )


def test_a_dirty_ledger_and_another_database_are_named() -> None:
    base = survey()
    found = replace(
        base,
        ledger=replace(base.ledger, dirty=True),
        database=replace(base.database, database="other", version_num=170002),
    )
    assert facts_hold(approved(), found) == (
        "ledger dirty was False, and is True",
        "database was towpath, and is other",
        "database major was 18, and is 17",
    )


def test_a_plan_is_for_one_deployment() -> None:
    assert facts_hold(approved(), replace(survey(), deployment="live")) == ("the plan is for demo, and this is live",)


def test_facts_of_which_only_the_digest_is_known_are_compared_by_it() -> None:
    bare = msgspec.structs.replace(approved(), facts=None)
    assert facts_hold(bare, survey()) == ()
    assert facts_hold(bare, survey("2.26.6")) == ("a fact that the plan stands on has changed",)


def test_owners_in_another_order_are_the_same_fact() -> None:
    one = replace(survey(), workload=replace(workload(), owners=("a", "b")))
    other = replace(survey(), workload=replace(workload(), owners=("b", "a")))
    assert facts_digest(facts_of(one)) == facts_digest(facts_of(other))
