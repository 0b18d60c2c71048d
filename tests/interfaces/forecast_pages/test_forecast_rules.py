"""The catalogue of hazards as rules of SARIF."""

from __future__ import annotations

import json
from dataclasses import replace

from lockage.interfaces.cli.forecast_outputs import Form, rendered
from lockage.interfaces.forecast_pages.rules import rules
from lockage.interfaces.hazards import hazard_kinds
from support.page_forecasts import usual


def test_every_hazard_of_the_catalogue_is_a_rule_with_its_remedy_and_both_examples() -> None:
    assert rules().keys() == hazard_kinds().keys()
    for code, kind in hazard_kinds().items():
        rule = rules()[code]
        assert (rule.name, rule.level) == (kind.title, kind.severity)
        assert " ".join(kind.remedy.split()) in rule.help
        assert rule.help.count("```sql") == rule.help.count("```\n") == 2


def test_a_log_explains_each_hazard_that_it_holds() -> None:
    hazards = tuple(replace(hazard, code=code) for hazard, code in zip(usual().hazards, rules(), strict=False))
    log = json.loads(rendered(replace(usual(), hazards=hazards), Form.SARIF))
    told = {rule["id"]: rule for rule in log["runs"][0]["tool"]["driver"]["rules"]}
    for hazard in hazards:
        assert told[hazard.code]["help"]["markdown"] == rules()[hazard.code].help
