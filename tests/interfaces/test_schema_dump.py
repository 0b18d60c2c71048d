"""The schema for a bundle is not read where that could stand in a migration's way."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lockage.errors import RefusedError
from lockage.interfaces.schema_dump import dump_of
from support.cases import case


def test_a_database_that_was_not_seen_is_let_alone() -> None:
    with pytest.raises(RefusedError, match="nobody knows whether it is being migrated") as refused:
        dump_of(cast("Any", None), case(database={"looks": None}))
    assert refused.value.code == "LK621"
