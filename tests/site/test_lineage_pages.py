"""The lineage pages in a browser: what is drawn, what a click lights, and the same as lists."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from site_home import faultless_tab
from small_tree import Tree

from contracts.ids import ColumnId, TableId
from contracts.registry import Registry
from sql.graph import Graph
from tasks.settings import Settings
from tasks.site.build import build
from tasks.site.facts import SiteFacts, read_facts
from tasks.site.lineage_pages import lines, pages, way

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

INSTANT = datetime(2026, 1, 3)
NET = "core.fact_sales.net_amount"
# Labels that lie upon another one, or are cut off by their own box.
OVERLAPS = """() => {
  const all = [...document.querySelectorAll(".box .name span, .box .column")];
  const labels = all.map((e) => [e, e.getBoundingClientRect()]);
  labels.sort((a, b) => a[1].x - b[1].x);
  const found = [];
  labels.forEach(([one, a], i) => {
    if (one.scrollWidth > one.clientWidth + 1) found.push(`${one.textContent} is cut`);
    for (let j = i + 1; j < labels.length && labels[j][1].x < a.right - 1; j++) {
      const b = labels[j][1];
      if (a.top < b.bottom - 1 && b.top < a.bottom - 1) found.push(`${one.textContent} / ${labels[j][0].textContent}`);
    }
  });
  return found;
}"""
LIT = "(kind) => [...document.querySelectorAll(`.scene .${kind}.on`)].map((e) => e.dataset.node).sort()"


@pytest.fixture(scope="module")
def facts() -> SiteFacts:
    """The repository's contracts and SQL, without a warehouse: lineage needs none."""
    return read_facts(Settings(), None, INSTANT)


@pytest.fixture(scope="module")
def site(facts: SiteFacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    build(facts, out)
    return out / "lineage"


def names(columns: list[ColumnId]) -> set[str]:
    return {str(column) for column in columns}


def test_a_table_goes_to_its_page_and_back(tab: Page, site: Path) -> None:
    tab.goto((site / "index.html").as_uri())
    assert tab.locator("nav [aria-current]").text_content() == "Lineage"
    tab.click(".box[data-node='core.fact_sales'] a")
    tab.wait_for_url("**/lineage/core.fact_sales.html")
    tab.click(".box[data-node='clean.orders'] .name")
    tab.wait_for_url("**/lineage/clean.orders.html")
    tab.click(".crumbs a")
    tab.wait_for_url("**/lineage/index.html")


def test_pointing_at_a_table_lights_its_whole_way(tab: Page, site: Path, facts: SiteFacts) -> None:
    tab.goto((site / "index.html").as_uri())
    tab.hover(".box[data-node='core.dim_customer'] .name")
    table = TableId("core", "dim_customer")
    around = {str(n) for down in (True, False) for n in facts.lineage.tables(table, down=down)}
    drawn = {str(e) for e in tab.eval_on_selector_all(".box", "all => all.map((e) => e.dataset.node)")}
    assert set(tab.evaluate(LIT, "box")) == (around & drawn) | {"core.dim_customer"}
    assert tab.locator(".box:not(.on)").first.evaluate("e => Number(getComputedStyle(e).opacity)") < 0.5
    tab.hover("h1")
    assert tab.evaluate(LIT, "box") == []


def test_a_chosen_column_lights_what_it_is_made_from_and_goes_into(tab: Page, site: Path, facts: SiteFacts) -> None:
    tab.goto((site / "core.fact_sales.html").as_uri())
    tab.click(f".column[data-node='{NET}']")
    table = TableId("core", "fact_sales")
    both = names(facts.lineage.upstream(table, "net_amount")) | names(facts.lineage.downstream(table, "net_amount"))
    columns = {name for name in both if not name.startswith(("bi.", "notebook.", "reconciliation."))}
    assert set(tab.evaluate(LIT, "column")) == columns | {NET}
    assert "bi.sales_lines" in tab.evaluate(LIT, "box")
    assert tab.url.endswith("#net_amount")
    assert tab.locator("[aria-current=true].column").get_attribute("data-node") == NET
    assert tab.locator("#of-net_amount").get_attribute("open") is not None
    assert tab.locator(".told").text_content()
    tab.keyboard.press("Escape")
    assert tab.locator(".chosen").count() == 0
    assert "#" not in tab.url


def test_a_filter_is_lit_and_ends_there(tab: Page, site: Path) -> None:
    tab.goto((site / "core.fact_sales.html").as_uri() + "#is_revenue")
    wires = "all => all.map((e) => [e.dataset.from, e.dataset.to])"
    rows = tab.eval_on_selector_all("path.rows.on", wires)
    assert ["core.fact_sales.is_revenue", "mart.customer_360"] in rows
    assert {start for start, _ in rows} >= {"core.fact_sales.is_revenue"}
    assert tab.locator("path.rows.on").first.evaluate("e => getComputedStyle(e).strokeDasharray") != "none"
    assert tab.locator("path.rows:not(.on)").first.is_hidden()


def test_an_address_with_a_column_shows_it_also_of_another_table(tab: Page, site: Path) -> None:
    tab.goto((site / "core.fact_sales.html").as_uri() + "#clean.orders.discount_amount")
    chosen = tab.locator(".column[aria-current]")
    assert chosen.get_attribute("data-node") == "clean.orders.discount_amount"
    view, box = tab.locator(".view").bounding_box(), chosen.bounding_box()
    assert view
    assert box
    assert view["x"] <= box["x"] <= view["x"] + view["width"]
    assert view["y"] <= box["y"] <= view["y"] + view["height"]
    tab.goto((site / "core.fact_sales.html").as_uri() + "#no_such_column")
    assert tab.locator(".chosen").count() == 0


def test_the_keyboard_reaches_columns_and_lists(tab: Page, site: Path) -> None:
    tab.goto((site / "mart.web_funnel.html").as_uri())
    tab.locator(".box.focus .column").first.focus()
    first = tab.evaluate("document.activeElement.textContent")
    tab.keyboard.press("Enter")
    assert tab.locator(".column[aria-current]").text_content() == first
    tab.locator(".way summary").nth(1).focus()
    tab.keyboard.press("Enter")
    second = tab.locator(".way").nth(1).get_attribute("data-column")
    tab.wait_for_url(f"**#{second}")
    assert tab.locator(".column[aria-current]").text_content() == second
    assert tab.locator(".way[open]").count() == 1
    assert tab.locator(".box:not(.focus) a:not([tabindex='-1'])").count() == 0


def test_lists_say_what_is_drawn_with_links(tab: Page, site: Path, facts: SiteFacts) -> None:
    tab.goto((site / "core.fact_sales.html").as_uri() + "#net_amount")
    told = tab.eval_on_selector_all("#of-net_amount a[href*='#']", "all => all.map((e) => e.getAttribute('href'))")
    table = TableId("core", "fact_sales")
    up, down = (f(table, "net_amount") for f in (facts.lineage.upstream, facts.lineage.downstream))
    linked = [c for c in (*up, *down) if isinstance(c.table, TableId)]
    assert set(told) == {f"../lineage/{c.table}.html#{c.column}" for c in linked}
    tab.click("#of-net_amount a[href$='clean.orders.html#tax_amount']")
    tab.wait_for_url("**/lineage/clean.orders.html#tax_amount")
    assert tab.locator(".column[aria-current]").get_attribute("data-node") == "clean.orders.tax_amount"


def test_zoom_fit_and_drag(tab: Page, site: Path) -> None:
    tab.goto((site / "raw.orders.html").as_uri())
    width = "document.querySelector('.box.focus').getBoundingClientRect().width"
    before = tab.evaluate(width)
    tab.click("[data-zoom=in]")
    assert tab.evaluate(width) == pytest.approx(before * 1.25, rel=0.02)
    tab.click("[data-zoom=fit]")
    over = "(v) => [v.scrollWidth - v.clientWidth, v.scrollHeight - v.clientHeight]"
    assert max(tab.locator(".view").evaluate(over)) <= 1
    for _ in range(7):
        tab.click("[data-zoom=in]")
    box = tab.locator(".view").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] - 30
    scrolled = "document.querySelector('.view').scrollLeft"
    old = tab.evaluate(scrolled)
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x - 120, y, steps=4)
    tab.mouse.up()
    assert tab.evaluate(scrolled) > old


@pytest.mark.parametrize("page", ["index", "core.fact_sales", "raw.orders", "mart.merchandising_product_performance"])
def test_no_label_lies_on_another_or_is_cut(tab: Page, site: Path, page: str) -> None:
    tab.goto((site / f"{page}.html").as_uri())
    assert tab.evaluate(OVERLAPS) == []


@pytest.mark.parametrize("page", ["index", "core.fact_sales"])
def test_a_narrow_screen_scrolls_the_drawing_and_not_the_page(browser: Browser, site: Path, page: str) -> None:
    with faultless_tab(browser, viewport={"width": 360, "height": 740}) as tab:
        tab.goto((site / f"{page}.html").as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") == 360
        assert tab.locator(".view").evaluate("e => e.scrollWidth > e.clientWidth")


@pytest.mark.parametrize(("page", "scheme"), [("index", "dark"), ("core.dim_customer", "light")])
def test_axe_finds_nothing(browser: Browser, site: Path, page: str, scheme: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with faultless_tab(browser, color_scheme=scheme) as tab:
        tab.goto((site / f"{page}.html").as_uri())
        found = axe.run(tab, options={"preload": False})
        told = [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in found.response["violations"]]
        assert told == []


# Sixty tables of twenty columns


def wide_tree() -> Tree:
    """Four layers of fifteen tables with twenty columns; the first delivery goes into thirty-two of them."""
    columns = "\n".join(f"a_column_with_a_long_name_{n:02} integer{' key' if n == 0 else ''}" for n in range(20))
    tree = Tree()
    for t in range(15):
        tree = tree.with_contract(f"raw.table_{t:02}", columns.replace(" key", "").replace("integer", "varchar(64)"))
        tree = tree.with_contract(f"clean.table_{t:02}", columns)
        for layer, before in (("core", "clean"), ("mart", "core")):
            # The clean table of the first delivery is read by all of core.
            others = (t, (t + 1) % 15) if layer == "mart" else (t, 0 if t else 14)
            reads = [f"{before}.table_{n:02}" for n in others]
            made = ", ".join(
                f"a.a_column_with_a_long_name_{n:02} + b.a_column_with_a_long_name_{(n + 7) % 20:02} "
                f"AS a_column_with_a_long_name_{n:02}"
                for n in range(20)
            )
            aliases = "abc"
            joins = " CROSS JOIN ".join(f"{read} AS {aliases[k]}" for k, read in enumerate(reads))
            tree = tree.with_contract(f"{layer}.table_{t:02}", columns, tags=["internal"])
            tree = tree.with_select(
                f"{layer}.table_{t:02}", f"SELECT {made} FROM {joins} WHERE a.{columns.split()[0]} > 0"
            )
    return tree


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of sixty tables."""
    root = wide_tree().write(tmp_path_factory.mktemp("wide"))
    registry = Registry.read(root)
    facts = SiteFacts(Settings(repository=root), registry, Graph.read(root, registry), INSTANT)
    build(facts, root / "site")
    return root / "site" / "lineage"


@pytest.mark.parametrize("page", ["index", "raw.table_00", "core.table_01"])
def test_sixty_tables_of_twenty_columns_are_drawn_in_a_second(browser: Browser, wide: Path, page: str) -> None:
    """The browser's own work on its main thread; tried five times, since other tests share the machine."""
    took: list[float] = []
    while not took or (took[-1] >= 1 and len(took) < 5):
        with faultless_tab(browser) as tab:
            session = tab.context.new_cdp_session(tab)
            session.send("Performance.enable")
            tab.goto((wide / f"{page}.html").as_uri())
            tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
            took.append(metrics["TaskDuration"])
            if len(took) == 1:
                assert tab.evaluate(OVERLAPS) == []
                assert page != "raw.table_00" or tab.locator(".box").count() == 32
    assert took[-1] < 1, took


# What the pages are made of


def test_each_table_has_a_page_and_each_wire_its_ends(facts: SiteFacts) -> None:
    made = {page.path: page for page in pages(facts)}
    assert made.keys() == {"lineage/index.html", *(f"lineage/{table}.html" for table in facts.registry)}
    for page in made.values():
        graph = page.context["graph"]
        ends = {str(it.node) for it in graph.shown} | {f"{it.node}.{name}" for it in graph.shown for name in it.columns}
        assert {end for wire in graph.wires for end in (wire.start, wire.end)} <= ends


def test_a_way_counts_what_it_lists(facts: SiteFacts) -> None:
    found = way(facts.lineage, ColumnId(TableId("clean", "orders"), "status"))
    assert [(str(group.node), group.columns) for group in found.up] == [("raw.orders", ("status",))]
    assert found.down_count == sum(len(group.columns) for group in found.down)
    assert found.rows == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders", ["orders"]),
        ("merchandising_product_performance", ["merchandising_", "product_performance"]),
        ("averyverylongnamewithoutunderscores", ["averyverylongnamewithoutunderscores"]),
    ],
)
def test_a_long_name_takes_two_lines(name: str, expected: list[str]) -> None:
    assert lines(name) == expected
