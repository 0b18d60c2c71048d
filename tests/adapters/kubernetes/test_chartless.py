"""A Deployment of Helm's without a known chart is looked at, and never patched."""

from __future__ import annotations

import pytest

from lockage.adapters.kubernetes.chartless import ChartlessReleaser
from lockage.adapters.kubernetes.finding import HelmOrigin
from lockage.errors import RefusedError
from lockage.ports import Rollout

ROLLOUT = Rollout(release="2.27.8", replicas=1, liveness=None)


def test_it_says_which_release_and_chart_and_how_to_name_it() -> None:
    releaser = ChartlessReleaser(HelmOrigin(release="prod", namespace="shop", chart="coder", chart_version="2.26.0"))
    (check,) = releaser.check(ROLLOUT)
    assert (check.ok, check.name) == (False, "chart")
    assert check.text.startswith("it belongs to Helm's release prod (chart coder 2.26.0), and where its chart comes from")
    with pytest.raises(RefusedError) as caught:
        releaser.release(ROLLOUT)
    assert (caught.value.code, caught.value.message, caught.value.hint) == ("LK533", check.text, check.hint)
    assert "--chart CHART" in str(check.hint)


def test_a_release_without_a_label_of_its_chart_is_named_alone() -> None:
    releaser = ChartlessReleaser(HelmOrigin(release="prod", namespace="shop"))
    assert releaser.title == "Helm, release prod, of a chart that is not named"
    assert releaser.check(ROLLOUT)[0].text.startswith("it belongs to Helm's release prod, and")
