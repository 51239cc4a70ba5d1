"""What every page of the site has: navigation, search, and nothing that asks a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.site import vendor
from tasks.site.render import ASSETS

if TYPE_CHECKING:
    from playwright.sync_api import Page


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


@pytest.mark.parametrize("key", ["Enter", "click"])
def test_search_leads_to_a_column_from_any_page(tab: Page, site_home: Path, key: str) -> None:
    tab.goto((site_home / "site" / "tables" / "mart.web_funnel.html").as_uri())
    tab.keyboard.press("/")
    tab.keyboard.type("net_reporting_amount sales")
    tab.wait_for_selector("#found [role=option]")
    found = tab.locator("#found [role=option]")
    assert found.first.locator(".name").text_content() == "core.fact_sales.net_reporting_amount"
    if key == "click":
        found.first.click()
    else:
        tab.keyboard.press("Enter")
    tab.wait_for_url("**/tables/core.fact_sales.html#net_reporting_amount")
    assert tab.locator("tr:target .anchor").text_content() == "net_reporting_amount"
