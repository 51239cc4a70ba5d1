"""The site in a browser: search, filters, links, narrow screens, the keyboard alone, contrast, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from site_home import faultless_tab

from tasks.site import vendor
from tasks.site.render import ASSETS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

INDEX, SALES = "index.html", "tables/core.fact_sales.html"
# One of each kind, and those whose columns, samples or SQL are the widest.
PAGES = (
    INDEX,
    SALES,
    "tables/raw.customers.html",
    "tables/clean.web_events.html",
    "tables/mart.merchandising_product_performance.html",
    "tables/audit.quality_result.html",
    "contracts/curated.web_sessions.html",
)


@pytest.fixture
def site(site_home: Path) -> Path:
    return site_home / "site"


@pytest.fixture
def opened(tab: Page, site: Path) -> Page:
    """The catalog's index."""
    tab.goto((site / INDEX).as_uri())
    return tab


# What pages load


def test_vendored_files_are_those_of_the_list() -> None:
    listed = {name: entry["sha256"] for p in vendor.read_list().values() for name, entry in p["files"].items()}
    standing = {p.name: vendor.digest(p.read_bytes()) for p in vendor.FOLDER.iterdir() if p != vendor.LIST}
    licences = {name for name in standing if name.endswith(".LICENSE.txt")}
    assert {name: standing[name] for name in standing.keys() - licences} == listed
    assert len(licences) == len(vendor.read_list())


def test_own_assets_name_no_address_of_a_network() -> None:
    texts = {p.name: p.read_text(encoding="utf-8") for p in ASSETS.iterdir() if p.suffix in (".css", ".js")}
    assert {"site.css", "site.js"} <= texts.keys()
    assert {name: re.findall(r"https?://\S+", text) for name, text in texts.items() if "://" in text} == {}


# Search


def options(tab: Page) -> list[str | None]:
    return tab.locator("#search-found .name").all_text_contents()  # type: ignore[return-value]


def type_in(tab: Page, text: str) -> None:
    tab.keyboard.press("/")
    tab.keyboard.type(text)
    tab.wait_for_function("document.querySelector('#search-count').textContent !== ''")


@pytest.mark.parametrize("key", ["Enter", "click"])
def test_search_leads_to_a_column_from_any_page(tab: Page, site: Path, key: str) -> None:
    tab.goto((site / "tables" / "mart.web_funnel.html").as_uri())
    type_in(tab, "net_reporting_amount sales")
    assert options(tab)[0] == "core.fact_sales.net_reporting_amount"
    if key == "click":
        tab.locator("#search-found [role=option]").first.click()
    else:
        tab.keyboard.press("Enter")
    tab.wait_for_url("**/tables/core.fact_sales.html#net_reporting_amount")
    assert tab.locator("tr:target .anchor").text_content() == "net_reporting_amount"


@pytest.mark.parametrize(
    ("words", "table"),
    [
        ("sales", "core.fact_sales"),
        ("fact_sal", "core.fact_sales"),
        ("custmer 360", "mart.customer_360"),
        ("core.dim_product", "core.dim_product"),
        ("how many bought again", "mart.customer_cohort_retention"),
        ("WEB FUNNEL", "mart.web_funnel"),
    ],
)
def test_search_finds_tables_by_parts_typing_errors_and_descriptions(opened: Page, words: str, table: str) -> None:
    type_in(opened, words)
    assert table in options(opened)[:3]


def test_arrows_choose_and_escape_closes(opened: Page) -> None:
    type_in(opened, "revenue")
    chosen = opened.locator("#search-found [aria-selected=true] .name")
    first, second, *_, last = options(opened)
    assert chosen.text_content() == first
    for key, name in (("ArrowDown", second), ("ArrowUp", first), ("ArrowUp", last), ("ArrowDown", first)):
        opened.keyboard.press(key)
        assert chosen.text_content() == name
        active = opened.get_attribute("#site-search", "aria-activedescendant")
        assert opened.locator(f"#{active}").get_attribute("aria-selected") == "true"
    assert opened.get_attribute("#site-search", "aria-expanded") == "true"
    opened.keyboard.press("Escape")
    assert opened.get_attribute("#site-search", "aria-expanded") == "false"
    assert opened.locator("#search-found").is_hidden()
    assert opened.input_value("#site-search") == ""


def test_search_says_when_nothing_is_found(opened: Page) -> None:
    type_in(opened, "zzzzzz")
    assert opened.text_content("#search-count") == "0 found"
    assert opened.locator("#search-found").is_hidden()
    opened.keyboard.press("Enter")
    assert opened.url.endswith(INDEX)


# The catalog


def shown(tab: Page) -> list[str]:
    return [row.inner_text() for row in tab.locator("tr[data-layer]:visible th a").all()]


def test_filters_narrow_the_list_and_say_how_many_are_left(opened: Page) -> None:
    everything = len(shown(opened))
    opened.select_option("select[name=layer]", "clean")
    assert opened.locator(".catalog:visible").count() == 1
    opened.select_option("select[name=pii]", "yes")
    assert set(shown(opened)) == {"customers", "orders", "web_events"}
    opened.select_option("select[name=owner]", "Sales Operations")
    assert shown(opened) == ["orders"]
    assert opened.text_content("output[name=count]") == f"1 of {everything} tables"
    for name in ("layer", "pii", "owner"):
        opened.select_option(f"select[name={name}]", "")
    assert len(shown(opened)) == everything


def test_the_way_from_an_answer_to_the_file_that_was_delivered(opened: Page) -> None:
    opened.click(".layers >> text=mart")
    opened.click("#mart >> text=finance_daily_revenue")
    for table in ("core.fact_sales", "clean.orders", "raw.orders"):
        opened.click(f"aside .tables >> text={table}")
        opened.wait_for_url(f"**/tables/{table}.html")
    opened.click("aside >> text=contracts/raw/orders.yaml")
    assert "raw.orders" in opened.inner_text("pre.code")


def test_a_tables_page_says_what_its_contract_says(tab: Page, site: Path) -> None:
    tab.goto((site / SALES).as_uri())
    row = tab.locator("tr#promotion_key")
    assert row.locator("a[href*='core.dim_promotion']").count() == 1
    assert "required" in row.inner_text()
    assert "one of web, mobile_app, marketplace, store" in tab.inner_text("tr#channel_code")
    assert tab.locator(".sample tbody tr").count() == 5
    assert tab.locator(".code .k >> text=SELECT").count() > 1
    figure = tab.locator(".sample td.figure").first
    assert figure.evaluate("cell => getComputedStyle(cell).textAlign") == "right"
    first = tab.locator(".sample tbody th").first
    assert first.evaluate("cell => getComputedStyle(cell).position") == "sticky"


# Who reads it, and on what


@pytest.fixture
def narrow(browser: Browser) -> Iterator[Page]:
    with faultless_tab(browser, viewport={"width": 360, "height": 740}) as made:
        yield made


@pytest.mark.parametrize("path", PAGES)
def test_a_narrow_screen_scrolls_in_one_direction_only(narrow: Page, site: Path, path: str) -> None:
    narrow.goto((site / path).as_uri())
    assert narrow.evaluate("document.documentElement.scrollWidth") == 360
    wide = "e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === 'visible' && e.clientWidth > 0"
    cut = f"[...document.querySelectorAll('main *')].filter({wide}).map(e => e.outerHTML.slice(0, 120))"
    assert narrow.evaluate(cut) == []


def test_the_keyboard_alone_gets_anywhere(opened: Page) -> None:
    def focused() -> str:
        text: str = opened.evaluate("document.activeElement.innerText || document.activeElement.id")
        return text.strip()

    def outlined() -> bool:
        found: bool = opened.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'")
        return found

    opened.keyboard.press("Tab")
    assert focused() == "Skip to the content"
    assert opened.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    opened.keyboard.press("Enter")
    opened.keyboard.press("Tab")
    # The first link of the content, and not the head of the page again.
    assert focused().startswith("raw")
    seen = []
    while len(seen) < 20 and focused() != "customer_360":
        assert outlined(), focused()
        opened.keyboard.press("Tab")
        seen.append(focused())
    opened.keyboard.press("Enter")
    opened.wait_for_url("**/tables/mart.customer_360.html")


def test_a_wide_sample_is_scrolled_by_the_keyboard(tab: Page, site: Path) -> None:
    tab.goto((site / SALES).as_uri())
    region = tab.locator("[aria-label='Sample rows']")
    region.focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_function("document.querySelector(\"[aria-label='Sample rows']\").scrollLeft > 0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", [INDEX, "tables/clean.orders.html"])
def test_nothing_keeps_people_from_reading_it(browser: Browser, site: Path, path: str, scheme: Any) -> None:
    """By axe-core: contrast, names, roles, landmarks, order of headings."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    with faultless_tab(browser, color_scheme=scheme) as tab:
        tab.goto((site / path).as_uri())
        ground = tab.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
        tab.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        # It would ask for the style sheets again, which a page that is opened from a file may not.
        found = axe.Axe().run(tab, options={"preload": False}).response
    faults = [(f["id"], [n["html"][:160] for n in f["nodes"][:3]]) for f in found["violations"]]
    assert faults == []


def test_without_scripts_the_catalog_can_be_read(browser: Browser, site: Path) -> None:
    with faultless_tab(browser, java_script_enabled=False) as tab:
        tab.goto((site / INDEX).as_uri())
        assert tab.locator(".filters").is_hidden()
        tab.click("text=executive_kpi_daily")
        assert tab.locator("tr#kpi_date").is_visible()
