"""towpath's chart comes with the package."""

from __future__ import annotations

from lockage.interfaces.demo.charts import CHART, RELEASES


def test_the_chart_lies_in_the_package_with_both_its_shapes() -> None:
    assert (CHART / "Chart.yaml").read_text().startswith("apiVersion: v2")
    assert (CHART / "values.yaml").is_file()
    assert (CHART / "older" / "values.yaml").is_file()
    assert (CHART / "Containerfile").is_file()
    assert RELEASES == ("2.26.0", "2.26.6", "2.27.8", "2.27.9")
