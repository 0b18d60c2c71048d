"""The page in a real browser: nothing is wider than the window, whatever the window and whatever the forecast."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockage.core.forecast.assess import Forecast
from lockage.interfaces.forecast_pages.html import html as page_of
from support.page_forecasts import EVERY, evil, short_beside_long, sixty_lanes, unknown_end, usual

WIDTHS_PX = (320, 360, 700, 800, 1280, 1920)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"no browser: none of {', '.join(NAMES)} is on the PATH"),
]

# Each page stands in a frame of each width, and is asked from outside: it has no script, and allows none.
ASK = """
addEventListener("load", () => {
  const wanted = [...document.querySelectorAll("iframe")];
  const found = wanted.map(frame => {
    const page = frame.contentDocument, width = page.documentElement.clientWidth;
    const wide = [...page.querySelectorAll("body *")].filter(e => !e.closest("svg svg, defs, thead")
      && e.getBoundingClientRect().right > width + 1 && e.getBoundingClientRect().width > 0);
    const bars = [...page.querySelectorAll("svg.bars > g > g > rect.bar")];
    return {
      width: frame.width, scrolls: page.scrollingElement.scrollWidth - width,
      wide: wide.slice(0, 3).map(e => e.tagName + "." + e.getAttribute("class") + " " + e.textContent.trim().slice(0, 60)),
      bars: bars.length, unseen: bars.filter(e => e.getBoundingClientRect().width < 1).length,
      names: [...page.querySelectorAll(".lane .name")].filter(e => e.getBoundingClientRect().height < 8).length,
    };
  });
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


def asked(forecast: Forecast, folder: Path) -> list[dict[str, Any]]:
    """What the browser found, a record for each width."""
    text = html.escape(page_of(forecast, version="1"))
    frames = "".join(f'<iframe srcdoc="{text}" width="{width}" height="900" style="border:0"></iframe>' for width in WIDTHS_PX)
    file = folder / "frames.html"
    file.write_text(f'<!doctype html><meta charset="utf-8"><pre id="found"></pre>{frames}<script>{ASK}</script>')
    said = browsed("--dump-dom", "--virtual-time-budget=20000", folder=folder, page=file)
    found = re.search(r'<pre id="found">(.+?)</pre>', said, flags=re.DOTALL)
    assert found, said[:2000]
    return json.loads(html.unescape(found[1]))


def browsed(*flags: str, folder: Path, page: Path) -> str:
    assert BROWSER is not None
    fixed = (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
    )
    command = [BROWSER, *fixed, f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize("make", [m for m in EVERY if m in {usual, short_beside_long, sixty_lanes, unknown_end, evil}])
def test_nothing_is_wider_than_the_window_and_every_bar_can_be_seen(make: Callable[[], Forecast], tmp_path: Path) -> None:
    found = asked(make(), tmp_path)
    assert [int(one["width"]) for one in found] == list(WIDTHS_PX)
    for one in found:
        assert one["wide"] == [], one
        assert one["scrolls"] <= 0, one
        assert one["bars"] > 0, one
        assert one["unseen"] == 0, one
        assert one["names"] == 0, one


def test_the_page_is_painted(tmp_path: Path) -> None:
    file, picture = tmp_path / "page.html", tmp_path / "page.png"
    file.write_text(page_of(usual(), version="1"), encoding="utf-8")
    browsed(f"--screenshot={picture}", "--window-size=1280,1600", folder=tmp_path, page=file)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000  # an empty page of that size has some 7 kB
