"""The values of a rollout, by the shape of the chart gone to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockage.core.facts import Probe
from lockage.core.release.chart_values import (
    PROBE_FIELDS,
    at,
    changed,
    nested,
    overlay,
    settable_fields,
    shape_of,
    values_file,
)
from lockage.core.release.profile import ChartValues, HelmProfile

OLDER = ChartValues(
    below_chart="2.30.0",
    replicas="coder.replicaCount",
    tag="coder.image.tag",
    tag_format="v{release}",
    liveness="coder.livenessProbe",
    liveness_fields=("initialDelaySeconds",),
)
NEWER = ChartValues(
    from_chart="2.30.0",
    replicas="coder.replicaCount",
    tag="coder.image.tag",
    tag_format="v{release}",
    liveness="coder.livenessProbe",
    liveness_fields=PROBE_FIELDS,
    liveness_enabled="coder.livenessProbe.enabled",
)
HELM = HelmProfile(chart="coder", values=(OLDER, NEWER))
DEFAULTS = Probe()


@pytest.mark.parametrize(
    ("version", "shape"),
    [("2.29.9", OLDER), ("2.30.0", NEWER), ("v2.31.0", NEWER), ("2.30.0-rc.1", OLDER), ("^2", None), ("", None)],
)
def test_the_version_of_the_chart_chooses_the_shape(version: str, shape: ChartValues | None) -> None:
    assert shape_of(HELM, version) is shape


def test_the_shape_that_begins_latest_wins_where_two_cover_a_version() -> None:
    whole = ChartValues(replicas="replicas")
    late = ChartValues(replicas="count", from_chart="3.0.0")
    assert shape_of(HelmProfile(chart="x", values=(late, whole)), "3.1.0") is late


def test_a_newer_chart_takes_the_whole_probe() -> None:
    probe = Probe(failure_threshold=90, period_s=10.0)
    assert nested(overlay(NEWER, release="2.30.1", replicas=1, liveness=probe).values) == {
        "coder": {
            "replicaCount": 1,
            "image": {"tag": "v2.30.1"},
            "livenessProbe": {
                "enabled": True,
                "initialDelaySeconds": 0,
                "periodSeconds": 10,
                "timeoutSeconds": 1,
                "failureThreshold": 90,
            },
        }
    }


def test_no_probe_is_said_by_switching_it_off_where_the_chart_can() -> None:
    assert overlay(NEWER, release="1.0.0", replicas=1, liveness=None).values["coder.livenessProbe.enabled"] is False
    assert overlay(OLDER, release="1.0.0", replicas=1, liveness=None).beyond == ("livenessProbe",)


def test_an_older_chart_takes_the_initial_delay_and_leaves_the_rest_to_a_post_renderer() -> None:
    fitting = overlay(OLDER, release="2.29.0", replicas=1, liveness=Probe(initial_delay_s=900.0), chart_has=DEFAULTS)
    assert (fitting.values["coder.livenessProbe.initialDelaySeconds"], fitting.beyond) == (900, ())
    other = overlay(OLDER, release="2.29.0", replicas=1, liveness=Probe(failure_threshold=90), chart_has=DEFAULTS)
    assert other.beyond == ("failureThreshold",)
    assert "coder.livenessProbe.initialDelaySeconds" not in other.values


def test_a_chart_that_the_profile_does_not_know_leaves_everything_to_a_post_renderer() -> None:
    assert overlay(None, release="1.0.0", replicas=1, liveness=None).beyond == ("replicas", "image", "livenessProbe")


def test_the_values_are_printed_as_a_file_for_people() -> None:
    assert values_file({"coder.replicaCount": 1, "coder.image.tag": "v1.0.0"}) == (
        "coder:\n  replicaCount: 1\n  image:\n    tag: v1.0.0\n"
    )


def test_settable_are_the_fields_of_the_chart_gone_to_and_all_without_a_chart() -> None:
    assert settable_fields(HELM, "2.29.0") == ("initialDelaySeconds",)
    assert settable_fields(HELM, "2.30.0") == PROBE_FIELDS
    assert settable_fields(None, "2.30.0") == PROBE_FIELDS


def test_what_stands_at_a_path_is_told_from_nothing() -> None:
    values = {"a": {"b": None, "c": 1}}
    assert (at(values, "a.b"), at(values, "a.x"), at(values, "a.c.d")) == ((None,), (), ())


KEYS = st.sampled_from("abc")
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(".".join)
LEAVES = st.one_of(st.integers(), st.booleans(), st.none(), st.text(max_size=3))
TREES = st.recursive(LEAVES, lambda below: st.dictionaries(KEYS, below, min_size=1, max_size=3), max_leaves=6)


@given(st.dictionaries(KEYS, TREES), PATHS, LEAVES)
def test_setting_a_value_and_putting_it_back_gives_what_was_before(before: dict[str, object], path: str, value: object) -> None:
    former = at(before, path)
    during = changed(before, {path: (value,)})
    assert at(during, path) == (value,)
    through_a_leaf = any(
        found and not isinstance(found[0], dict)
        for found in (at(before, path.rsplit(".", cut)[0]) for cut in range(1, path.count(".") + 1))
    )
    if not through_a_leaf:
        assert changed(during, {path: former}) == before
