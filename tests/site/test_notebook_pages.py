"""Notebooks on the site: charts drawn, words and rows as text, code folded away, nothing run twice without need."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from small_shop import read_repository

from contracts.registry import REPOSITORY
from tasks.notebook_run import is_installed, notebooks
from tasks.settings import Settings
from tasks.site import notebook_pages
from tasks.site.facts import SiteFacts
from tasks.site.notebook_pages import chart_of, headings, output_of, parts_of, prose_of, rows_of, run_all
from tasks.site.page import Page

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

FOUND = notebooks(REPOSITORY)
NAMES = [path.stem for path in FOUND]
needed = pytest.mark.skipif(not is_installed(), reason="the extra `notebooks` is not installed")


@needed
@pytest.mark.parametrize("name", NAMES)
def test_a_page_draws_every_chart_and_folds_the_code(tab: Tab, site_home: Path, name: str) -> None:
    tab.goto((site_home / "site" / "notebooks" / f"{name}.html").as_uri())
    figures = tab.locator("figure.chart")
    assert figures.count() >= 3
    for figure in figures.all():
        figure.scroll_into_view_if_needed()
        figure.locator(".plot svg").wait_for()
        assert figure.locator("figcaption b").text_content()
        assert figure.locator(".plot").get_attribute("aria-label")
    assert tab.locator(".said").count() >= 3
    source = tab.locator("details.source").first
    assert not source.locator("pre").is_visible()
    source.locator("summary").click()
    assert "from tasks.notebook import" in source.inner_text()


@needed
def test_a_page_fits_a_narrow_screen(tab: Tab, site_home: Path) -> None:
    tab.set_viewport_size({"width": 360, "height": 800})
    for name in NAMES[:2]:
        tab.goto((site_home / "site" / "notebooks" / f"{name}.html").as_uri())
        for figure in tab.locator("figure.chart").all():
            figure.scroll_into_view_if_needed()
            figure.locator(".plot svg").wait_for()
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


@needed
def test_the_list_leads_to_every_notebook_and_they_to_the_tables_that_they_ask(tab: Tab, site_home: Path) -> None:
    tab.goto((site_home / "site" / "index.html").as_uri())
    tab.get_by_role("link", name="Notebooks").click()
    assert tab.locator("ol.notebooks > li").count() == len(NAMES)
    tab.get_by_role("link", name="Inventory").click()
    tab.locator("footer").get_by_role("link", name="mart.supply_inventory_health").click()
    assert tab.url.endswith("tables/mart.supply_inventory_health.html")


# When they are run


@pytest.fixture
def facts() -> SiteFacts:
    registry, graph = read_repository()
    return SiteFacts(Settings(), registry, graph, datetime(2026, 1, 7), has_warehouse=True)


def the_list(facts: SiteFacts) -> Page:
    (page,) = notebook_pages.pages(facts)
    return page


def test_without_the_extra_they_are_left_out_and_the_list_says_so(
    facts: SiteFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_pages, "is_installed", lambda: False)
    page = the_list(facts)
    assert "make notebooks" in page.context["why_not"]
    assert [it["title"] for it in page.context["notebooks"]][:2] == ["Explore the star", "Revenue and refunds"]


def test_without_a_warehouse_they_are_not_run(facts: SiteFacts) -> None:
    assert "dw run" in the_list(dataclasses.replace(facts, has_warehouse=False)).context["why_not"]


@needed
def test_what_has_not_changed_is_not_run_again(
    site_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(settings: Settings) -> Iterator[Any]:
        raise AssertionError("a notebook was run")

    monkeypatch.setattr(notebook_pages, "kernel", refuse)
    settings = Settings(home=site_home)
    assert run_all(FOUND, settings).keys() == set(FOUND)
    changed = tmp_path / FOUND[0].name
    changed.write_text(FOUND[0].read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="was run"):
        run_all([changed], settings)
    monkeypatch.setattr(notebook_pages, "_state", lambda _: "another warehouse")
    with pytest.raises(AssertionError, match="was run"):
        run_all(FOUND, settings)


# What becomes of an output


def test_tags_in_prose_and_results_are_text() -> None:
    assert "<script>" not in prose_of("a <script>alert(1)</script> *b*")
    assert "<em>b</em>" in prose_of("a *b*")
    assert "<h1>" not in prose_of("# Title\ntext")
    rows = rows_of('<div><table><thead><tr><th>a</th></tr></thead><tbody><tr><td>"&lt;b&gt;"</td></tr></tbody></table>')
    assert rows is not None
    assert rows.rows == (("<b>",),)
    assert output_of({"text/html": "<b>raw</b>", "text/plain": "raw"}) == "raw"
    assert output_of({"text/html": "<table><td>broken</table>", "text/plain": "raw"}) == "raw"


def test_columns_of_figures_stand_to_the_right() -> None:
    html = (
        "<table><thead><tr><th>name</th><th>n</th></tr></thead>"
        '<tbody><tr><td>"x1"</td><td>1,234.50</td></tr><tr><td>"y"</td><td>-3</td></tr></tbody></table>'
    )
    rows = rows_of(html)
    assert rows is not None
    assert rows.names == ("name", "n")
    assert rows.figures == {1}


def test_a_chart_takes_the_pages_width_and_tells_its_title_as_text() -> None:
    layer = {"mark": {"type": "bar"}, "encoding": {"y": {"field": "k"}, "color": {"field": "k"}}}
    spec = {
        "config": {"background": "red"},
        "title": {"text": "A finding", "subtitle": "what is shown"},
        "height": {"step": 20},
        "layer": [layer, {"mark": {"type": "text", "align": "left"}}],
        "datasets": {"d": [{"k": "a"}, {"k": "b"}, {"k": "b"}, {"other": 1}]},
    }
    chart = chart_of(spec)
    assert (chart.title, chart.subtitle) == ("A finding", "what is shown")
    assert not {"config", "title"} & chart.spec.keys()
    assert (chart.spec["width"], chart.spec["height"]) == ("container", 40)
    assert chart.spec["padding"]["right"] > 40
    assert chart.height > 40
    assert spec["config"], "what was given is left as it is"


def test_code_that_stands_together_is_one_part_with_all_that_came_of_it() -> None:
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "source": ["# T\n", "lead **x**\n\nmore"]},
        {"cell_type": "code", "source": "a = 1", "outputs": [{"output_type": "stream", "text": "printed"}]},
        {
            "cell_type": "code",
            "source": "a",
            "outputs": [{"output_type": "execute_result", "data": {"text/plain": "1"}}],
        },
        {"cell_type": "markdown", "source": "## Why?"},
    ]
    parts = list(parts_of(cells))
    assert [part.outputs for part in parts] == [(), ("printed", "1"), ()]
    assert parts[1].code is not None
    assert parts[1].code.striptags().split() == ["a", "=", "1", "a"]
    assert headings(cells) == ("T", "lead x", ["Why?"])
