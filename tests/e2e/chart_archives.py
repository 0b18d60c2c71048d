"""towpath's chart as its releases come, as the demonstration packs it."""

from __future__ import annotations

from lockage.interfaces.demo.charts import CHART, RELEASES, pack_charts

__all__ = ["CHART", "RELEASES", "pack_charts"]
