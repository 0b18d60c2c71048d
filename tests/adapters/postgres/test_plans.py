"""Plans are reported of what a script executes, and not of what we ask in between."""

from __future__ import annotations

import psycopg
import pytest

from lockage.adapters.postgres.exchange import exchange
from lockage.adapters.postgres.plans import PlanCollector, auto_explain_settings, may_switch_plans, unplanned

pytestmark = pytest.mark.real


@pytest.mark.parametrize("begun", [False, True])
def test_of_a_query_of_our_own_no_plan_is_written(database_url: str, begun: bool) -> None:
    options = " ".join(f"-c {name}={value}" for name, value in auto_explain_settings(18).items())
    with psycopg.connect(database_url, autocommit=True, options=options) as session:
        seen: list[str] = []
        session.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
        plans = PlanCollector()
        session.add_notice_handler(plans)
        if begun:
            session.execute("begin")
        assert exchange(session, unplanned(session, "select 41 + 1"), limit_s=10.0).rows == (("42",),)
        assert not seen
        with plans.kept():
            exchange(session, "select 1", limit_s=10.0)
        assert len(plans.take()) == len(seen) == 1


def test_a_role_that_may_not_switch_plans_off_can_ask_all_the_same(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute("create role tame_asker")
        try:
            session.execute("begin")
            session.execute("set local role tame_asker")
            assert not may_switch_plans(session)
            assert exchange(session, unplanned(session, "select 41 + 1"), limit_s=10.0).rows == (("42",),)
            session.execute("rollback")
            assert may_switch_plans(session)
        finally:
            session.execute("drop role tame_asker")
