"""Quality and runs in a browser: charts are drawn from the tables beside them, on wide and narrow screens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from long_history import History
from site_home import faultless_tab

from contracts.registry import Registry
from tasks.site.make import make

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TABLE = "quality/clean.orders.html"
SEEN = ("quality/index.html", TABLE, "runs/index.html")
DAYS = 400
# A page with all that it embeds, without vendored scripts.
MOST_BYTES = 500_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a long history."""
    home = tmp_path_factory.mktemp("history") / "home"
    return make(History(days=DAYS).write(home)).site.index.parent


def drawn(tab: Page, site: Path, path: str) -> int:
    """Open a page and scroll along it until each of its charts is drawn; how many there are."""
    tab.goto((site / path).as_uri())
    charts = tab.locator("figure.chart")
    for n in range(charts.count()):
        charts.nth(n).scroll_into_view_if_needed()
    tab.wait_for_function(
        "[...document.querySelectorAll('figure.chart')].every(it => it.dataset.drawn && it.querySelector('svg'))"
    )
    return charts.count()


def test_no_page_of_a_long_history_is_heavy(site: Path) -> None:
    registry = Registry.read()
    pages = {str(path.relative_to(site)): path.stat().st_size for path in site.rglob("*.html")}
    audited = [c.table for c in registry.values() if c.table.layer != "audit"]
    assert pages.keys() >= {f"quality/{table}.html" for table in audited}
    assert sum(name.startswith("runs/20") for name in pages) == 14
    assert {name: size for name, size in pages.items() if size > MOST_BYTES} == {}


def test_charts_show_every_day_of_the_table_beside_them_and_mark_what_is_unusual(tab: Page, site: Path) -> None:
    assert drawn(tab, site, TABLE) > 8
    table = tab.locator("#delivered-rows")
    assert table.locator("tbody tr").count() == DAYS
    unusual = table.locator("tbody td", has_text="!").count()
    figure = tab.locator("figure[data-table=delivered-rows]")
    # A line's path has a point a day; a symbol stands on each unusual one.
    path = figure.locator(".mark-line path").get_attribute("d") or ""
    assert path.count("L") == DAYS - 1
    assert unusual > 0
    assert figure.locator(".mark-symbol path").count() == unusual
    assert f"unusual on {unusual} day" in (figure.locator("figcaption").text_content() or "")


def test_a_threshold_is_a_line_across_the_score(tab: Page, site: Path) -> None:
    drawn(tab, site, TABLE)
    completeness = tab.locator("figure.chart", has_text="Completeness: threshold 95.0%")
    assert completeness.locator(".mark-rule.role-mark line").count() == 1
    reported = tab.locator("figure.chart", has_text="Uniqueness: reported, no threshold")
    assert reported.locator(".mark-rule.role-mark line").count() == 0


def test_bars_add_up_days_to_weeks(tab: Page, site: Path) -> None:
    drawn(tab, site, "runs/index.html")
    figure = tab.locator("figure[data-table=times]")
    stages = tab.locator("#times thead th").count() - 1
    weeks = figure.locator(".mark-rect path").count() / stages
    assert stages == 5
    assert DAYS / 7 <= weeks <= DAYS / 7 + 2


@pytest.mark.parametrize("path", SEEN)
def test_pages_fit_a_narrow_screen_in_the_dark(browser: Browser, site: Path, path: str) -> None:
    with faultless_tab(browser, viewport={"width": 360, "height": 740}, color_scheme="dark") as narrow:
        assert drawn(narrow, site, path) > 0
        assert narrow.evaluate("document.documentElement.scrollWidth") == 360
        assert narrow.locator("figure.chart").first.get_attribute("data-drawn") == "dark"


def test_every_chart_says_what_is_seen_and_has_its_figures_in_the_page(tab: Page, site: Path) -> None:
    for path in SEEN:
        drawn(tab, site, path)
        for figure in tab.locator("figure.chart").all():
            title = figure.locator("figcaption").text_content() or ""
            said = figure.locator(".plot").get_attribute("aria-label") or ""
            assert len(title) > 15
            assert said.startswith(title)
            assert tab.locator(f"#{figure.get_attribute('data-table')} tbody tr").count() > 50


@pytest.mark.parametrize("path", SEEN)
def test_nothing_keeps_people_from_reading_it(tab: Page, site: Path, path: str) -> None:
    """By axe-core: names, roles, landmarks, contrast."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    drawn(tab, site, path)
    found = axe.Axe().run(tab, options={"preload": False}).response
    assert [(f["id"], [n["html"][:160] for n in f["nodes"][:3]]) for f in found["violations"]] == []


def test_a_theme_that_changes_is_followed(tab: Page, site: Path) -> None:
    drawn(tab, site, "quality/index.html")
    tab.emulate_media(color_scheme="dark")
    tab.wait_for_selector("figure.chart[data-drawn=dark]")


def test_from_a_run_to_its_batch_to_the_table_to_its_quarantine(tab: Page, site: Path) -> None:
    tab.goto((site / "runs" / "index.html").as_uri())
    tab.locator("#latest ~ .wide tbody th a").first.click()
    tab.wait_for_url("**/runs/2026-11.html#*")
    tab.locator("section.run").first.locator("a[href$='#quarantine']").first.click()
    tab.wait_for_url("**/quality/raw.*.html#quarantine")
    tab.get_by_role("link", name="Table", exact=True).click()
    tab.wait_for_url("**/tables/raw.*.html")
    tab.get_by_role("link", name="Quality over time").click()
    tab.wait_for_url("**/quality/raw.*.html")


def test_the_long_history_balances_as_a_real_one_does() -> None:
    frames = History(days=20).frames(Registry.read())
    ledger = frames["load_ledger"]
    parts = pl.sum_horizontal("loaded_rows", "duplicate_rows", "quarantined_rows")
    assert ledger.filter(parts != pl.col("delivered_rows")).is_empty()
    assert frames["quality_score"].filter(~pl.col("score").is_between(0, 1)).is_empty()
    assert ledger.get_column("batch_id").n_unique() == ledger.height
