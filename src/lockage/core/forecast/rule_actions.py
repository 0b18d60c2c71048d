"""The statements that rules put into users' statements, read from their definitions.

Not for a view's own rule. The surprising thing: one that cannot be read says nothing here, and its effect is left to the plans.
"""

from __future__ import annotations

import re

from lockage.core.forecast.trace import Rewrite
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Statement
from lockage.errors import UsageError

_ACTION = re.compile(r"\bDO\s+(?:INSTEAD\s+)?(?:\((?P<several>.*)\)|(?P<one>.*?));?\s*$", re.DOTALL)
"""As pg_get_ruledef writes it: capitals, one action or several in parentheses."""

_ALWAYS_ADDS = re.compile(r"""\bON \w+ TO (?:"(?:[^"]|"")*"|[^\s"])+\s+DO\s+(?!INSTEAD\b)""")
"""No WHERE between the table and the action, and nothing in the place of the user's statement."""


_ALWAYS_REPLACES = re.compile(r"""\bON \w+ TO (?:"(?:[^"]|"")*"|[^\s"])+\s+DO\s+INSTEAD\b""")
"""The same, in the place of the user's statement whatever it is."""


def replaces(rule: Rewrite) -> bool:
    """Whether the user's own statement is never carried out."""
    return _ALWAYS_REPLACES.search(rule.definition) is not None


def actions_of(rule: Rewrite) -> tuple[Statement, ...]:
    """What it does; () where that cannot be read, or is NOTHING."""
    action = _ACTION.search(rule.definition)
    if action is None:
        return ()
    try:
        return split_statements(action["several"] or action["one"], file="rule")
    except UsageError:
        return ()  # NOTHING, or what only stands in rules


def added_by(rule: Rewrite) -> tuple[Statement, ...]:
    """What it adds to a user's statement under no condition; () where it does something else, or that cannot be read."""
    return actions_of(rule) if _ALWAYS_ADDS.search(rule.definition) else ()
