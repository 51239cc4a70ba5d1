"""The catalog's facts, words and files, without a browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from command_line import Dw
from hand_made import DAY, contract
from house_of_things import COLOURS, HEADER, House
from hypothesis import given
from hypothesis import strategies as st
from small_shop import read_repository

from contracts.ids import TableId
from contracts.model import Contract, Latency
from expectations.rules import Rule
from expectations.scorecard import Score
from tasks.settings import Settings
from tasks.site import build as building
from tasks.site import search, words
from tasks.site.build import Site, build, rendered
from tasks.site.catalog import freshness, quality_badge
from tasks.site.catalog_facts import TableFacts, read_tables
from tasks.site.facts import SiteFacts, read_facts
from tasks.site.make import make
from tasks.site.page import QUALITY, File, Page
from tasks.site.render import as_json, percent
from tasks.warehouse import open_warehouse

NOW = datetime(2026, 1, 8, 12)
CLEAN, RAW, COLOUR = TableId("clean", "things"), TableId("raw", "things"), TableId("core", "colour")
OWNER = {"name": "owner", "mask": "email"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A small warehouse with a personal column."""
    made = House(tmp_path_factory.mktemp("house"))
    made.allow(COLOURS, 0, OWNER)
    made.run(0, "a,red,1,,a@example.net", "b,blue,2,,b@example.net", header=HEADER.replace("\n", ",owner\n"))
    return made


def settings(house: House, **more: Path) -> Settings:
    return Settings(**{"home": house.home, "repository": house.root, "threads": 1, **more})  # type: ignore[arg-type]


def facts_of(house: House) -> SiteFacts:
    with open_warehouse(settings(house), read_only=True) as warehouse:
        return read_facts(settings(house), warehouse, NOW)


def files_of(facts: SiteFacts) -> dict[str, str]:
    return {path: body.decode() for path, body in rendered(facts).items() if path.endswith(".html")}


# What the warehouse says


def test_a_table_is_told_with_its_rows_days_and_a_masked_sample(house: House) -> None:
    found = facts_of(house).tables
    clean = found[CLEAN]
    assert (clean.rows, clean.last_delivery, clean.waiting) == (2, DAY, 0)
    assert clean.loaded_at is not None
    assert [row["thing_id"] for row in clean.sample] == ["a", "b"]
    assert {row["owner"] for row in clean.sample} == {"a***@e***", "b***@e***"}
    assert found[RAW] == TableFacts(loaded_at=clean.loaded_at, last_delivery=DAY, scores=found[RAW].scores)
    assert found[COLOUR].rows == 2
    assert found[COLOUR].last_delivery is None


def test_no_page_shows_a_personal_value(house: House) -> None:
    pages = files_of(facts_of(house))
    assert "a***@e***" in pages["tables/clean.things.html"]
    assert [path for path, text in pages.items() if "example.net" in text] == []


def test_what_waits_is_told(house: House, tmp_path: Path) -> None:
    home = Path(shutil.copytree(house.home, tmp_path / "home"))
    here = settings(house, home=home)
    with open_warehouse(here) as warehouse:
        warehouse.insert_rows("stage.pending__core__colour", ["pending_key"], [{"pending_key": "all"}])
        facts = read_facts(here, warehouse, NOW)
    assert facts.tables[COLOUR].waiting == 1
    assert "1 key waits for the next run" in files_of(facts)["tables/core.colour.html"]


@pytest.mark.parametrize("gone", ["core.colour", "audit.load_ledger", "audit.table_build", "audit.quality_score"])
def test_a_table_that_does_not_stand_stops_nothing(house: House, tmp_path: Path, gone: str) -> None:
    home = Path(shutil.copytree(house.home, tmp_path / "home"))
    here = settings(house, home=home)
    with open_warehouse(here) as warehouse:
        warehouse.execute(f"DROP TABLE {gone}")
        facts = read_facts(here, warehouse, NOW)
    pages = files_of(facts)
    page = pages[f"tables/{gone}.html"]
    assert ("made by an earlier version" in pages["index.html"]) == gone.startswith("audit.")
    assert facts.tables.get(TableId.parse(gone), TableFacts()).rows is None
    assert "does not stand in the warehouse yet" in page


def test_a_column_that_does_not_stand_yet_is_left_out_of_the_sample(house: House, tmp_path: Path) -> None:
    root = Path(shutil.copytree(house.root, tmp_path / "repository"))
    columns = [{"name": "colour", "key": 1}, {"name": "thing_count", "type": "bigint"}, {"name": "later"}]
    contract(root, "core.colour", columns)
    here = settings(house, repository=root)
    with open_warehouse(here, read_only=True) as warehouse:
        registry = read_facts(here, None, NOW).registry
        found = read_tables(warehouse, registry, read_repository()[1], warehouse.columns())
    assert [list(row) for row in found[COLOUR].sample] == [["colour", "thing_count"]] * 2


# Judgements


LOADED = TableFacts(loaded_at=NOW, last_delivery=DAY)


@pytest.mark.parametrize(
    ("table", "fact", "newest", "kind", "text"),
    [
        (CLEAN, None, None, "quiet", "never loaded"),
        (CLEAN, TableFacts(rows=0), DAY, "quiet", "never loaded"),
        (CLEAN, LOADED, DAY, "good", "current"),
        (CLEAN, LOADED, DAY + timedelta(days=1), "good", "current"),
        (CLEAN, LOADED, DAY + timedelta(days=2), "warn", "2 days behind"),
        (COLOUR, TableFacts(loaded_at=NOW), DAY, "good", "current"),
        (COLOUR, TableFacts(loaded_at=NOW, waiting=3), DAY, "warn", "waiting"),
        (TableId("audit", "trend"), TableFacts(rows=3), DAY, "quiet", "written by runs"),
    ],
)
def test_freshness_is_judged_against_deliveries_not_the_clock(
    table: TableId, fact: TableFacts | None, newest: date | None, kind: str, text: str
) -> None:
    badge = freshness(table, fact, newest)
    assert (badge.kind, badge.text) == (kind, text)


def test_the_worst_dimension_is_a_tables_badge() -> None:
    good, low = Score(CLEAN, "completeness", 1000, 1, 0.95), Score(CLEAN, "accuracy", 1000, 30, 0.98)
    reported = Score(CLEAN, "timeliness", 10, 10, None)
    assert quality_badge(TableFacts(scores=(good,))).text == "99.90%"
    assert quality_badge(TableFacts(scores=(good, reported))).kind == "good"
    badge = quality_badge(TableFacts(scores=(good, low, reported)))
    assert (badge.kind, badge.text, badge.why) == ("bad", "accuracy 97.00%", "below 98%")
    assert quality_badge(None).kind == "quiet"


@given(evaluated=st.integers(1, 10**9), failed=st.integers(0, 10**9))
def test_a_share_is_called_whole_only_where_it_is(evaluated: int, failed: int) -> None:
    failed = min(failed, evaluated)
    said = percent((evaluated - failed) / evaluated)
    assert (said == "100.00%") == (failed == 0)
    assert said == Score(None, "accuracy", evaluated, failed, None).percent


# Words


def test_every_contract_says_in_words_how_it_is_loaded() -> None:
    registry, _ = read_repository()
    said = {str(table): words.load_words(c) for table, c in registry.items()}
    assert [table for table, text in said.items() if not text.endswith(".") or "None" in text or "  " in text] == []
    assert said["clean.orders"] == (
        "Rows are added or replaced by order_id. Of two rows of one key the one with the later updated_at stays."
    )
    assert "opens a version" in said["core.dim_product"]
    assert said["core.fact_sales"].endswith("Only what changed is computed anew, per order_id.")
    assert said["mart.customer_360"].endswith("Each run computes it from the whole history.")


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (timedelta(days=1), "A day's rows are here within 1 day of its end (by size)."),
        (timedelta(hours=36), "A day's rows are here within 36 hours of its end (by size)."),
        (timedelta(hours=1), "A day's rows are here within 1 hour of its end (by size)."),
    ],
)
def test_a_latency_is_said_in_its_unit(tmp_path: Path, after: timedelta, said: str) -> None:
    made: Contract = replace(contract(tmp_path, "core.x", ["size"]), latency=Latency(after, "size"))
    assert words.latency_words(made) == said
    assert words.latency_words(replace(made, latency=None)) == ""


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule("t", "in_set", ("c",), {"values": ["a", 2]}), "one of a, 2"),
        (Rule("t", "between", ("c",), {"min": 0, "max": None, "min_exclusive": True}), "> 0"),
        (Rule("t", "between", ("c",), {"min": 1, "max": 2000}), "≥ 1 and ≤ 2,000"),
        (Rule("t", "length", ("c",), {"min": 3, "max": 3}), "3 characters"),
        (Rule("t", "length", ("c",), {"min": None, "max": 3}), "at most 3 characters"),
        (Rule("t", "matches", ("c",), {"pattern": "^A$"}), "has the form ^A$"),
        (Rule("t", "not_null", ("c",)), ""),
        (Rule("t", "condition", ("c",), {"sql": "c > 1"}, description="More than one."), "More than one."),
    ],
)
def test_a_rule_is_said_in_few_words(rule: Rule, said: str) -> None:
    assert words.rule_words(rule) == said


def test_every_rule_of_a_column_can_be_said() -> None:
    registry, _ = read_repository()
    facts = SiteFacts(Settings(), *read_repository(), NOW)
    assert sum(map(len, facts.rules.values())) > 1_000
    for table in registry:
        for rule in facts.rules[table]:
            assert "None" not in words.rule_words(rule), rule.id


# Pages


def test_tables_columns_parts_and_notebooks_can_be_found() -> None:
    facts = SiteFacts(Settings(), *read_repository(), NOW)
    pages = [Page(QUALITY, "Quality", ""), Page("notebooks/01_star.html", "Explore the star", ""), page("core.x")]
    found = {(d.kind, d.name): d.url for d in search.documents(facts, pages)}
    assert found["part", "Quality"] == QUALITY
    assert found["notebook", "Explore the star"] == "notebooks/01_star.html"
    assert found["table", "core.fact_sales"] == "tables/core.fact_sales.html"
    assert found["column", "core.fact_sales.order_id"] == "tables/core.fact_sales.html#order_id"
    assert len(found) == 2 + sum(1 + len(c.columns) for c in facts.registry.values())


def test_where_nothing_was_run_the_catalog_stands_on_contracts_and_sql(tmp_path: Path) -> None:
    made = make(Settings(home=tmp_path / "home"))
    registry, _ = read_repository()
    assert {f"tables/{table}.html" for table in registry} <= set(made.site.files)
    assert "Nothing was loaded yet" in Path(made.where).read_text()
    page = (made.site.index.parent / "tables" / "core.fact_sales.html").read_text()
    assert "Nothing was loaded yet" in page
    assert not (tmp_path / "home" / "warehouse.duckdb").exists()


def test_another_source_has_a_site_of_its_own(dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path))
    said = dw("site", "--source", "online-retail")
    assert (said.code, said.err) == (0, "")
    index = tmp_path / "online-retail" / "site" / "index.html"
    assert str(index) in said.out
    assert "<small>online-retail</small>" in index.read_text()


class _Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.doubled: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                (self.doubled if value in self.ids else self.ids).add(value)
            elif name in ("href", "src", "data-data", "data-library") and value and not value.startswith("data:"):
                self.links.add(value)


def test_every_link_of_every_page_leads_to_a_page_and_a_place_in_it(site_home: Path) -> None:
    site = site_home / "site"
    pages = {path: _Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 100
    dead = []
    for path, page in pages.items():
        for link in page.links:
            target = urlsplit(link)
            to = (path.parent / unquote(target.path)).resolve() if target.path else path
            there = not target.scheme and to.is_file()
            if not there or (target.fragment and to in pages and unquote(target.fragment) not in pages[to].ids):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert dead == []
    assert {str(path.relative_to(site)): page.doubled for path, page in pages.items() if page.doubled} == {}


def test_a_column_may_have_any_name(house: House, tmp_path: Path) -> None:
    root = Path(shutil.copytree(house.root, tmp_path / "repository"))
    columns = [
        {"name": "colour", "key": 1},
        {"name": "thing_count"},
        "main",
        "sql",
        "rules",
        "search",
        "found",
        "filters",
    ]
    contract(root, "core.colour", columns)
    made = rendered(read_facts(settings(house, repository=root), None, NOW))
    assert _Links(made["tables/core.colour.html"].decode()).doubled == set()


def test_what_contracts_say_cannot_become_markup(house: House, tmp_path: Path) -> None:
    root = Path(shutil.copytree(house.root, tmp_path / "repository"))
    hostile = "</script><script>alert(1)</script> & <b>"
    columns = [{"name": "colour", "key": 1, "description": hostile}, {"name": "thing_count", "type": "bigint"}]
    contract(root, "core.colour", columns)
    made = rendered(read_facts(settings(house, repository=root), None, NOW))
    assert b"<script>alert" not in made["tables/core.colour.html"]
    assert b"&lt;/script&gt;" in made["tables/core.colour.html"]
    assert b"<script>alert" not in made["contracts/core.colour.html"]
    assert "</script>" not in as_json([hostile])


# Files


def small(monkeypatch: pytest.MonkeyPatch, out: Path, *made: Page | File) -> Site:
    def pages(facts: SiteFacts) -> Iterator[Page | File]:
        yield Page("index.html", "Catalog", "plain.html", {"body": "index"})
        yield from made

    monkeypatch.setattr(building, "FAMILIES", (pages,))
    return build(SiteFacts(Settings(), *read_repository(), NOW), out)


def page(name: str, body: str = "text", template: str = "plain.html") -> Page:
    return Page(f"tables/{name}.html", name, template, {"body": body})


def test_an_unchanged_page_stays_and_what_is_gone_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = small(monkeypatch, tmp_path, page("a"), page("b"), File("old/data.js", "1"))
    assert first.changed == len(first.files)
    (tmp_path / "data_docs").mkdir()
    (tmp_path / "data_docs" / "index.html").write_text("docs")
    stands = (tmp_path / "tables" / "a.html").stat().st_mtime_ns
    second = small(monkeypatch, tmp_path, page("a"), page("b", "changed"))
    assert second.changed == 1
    assert (tmp_path / "tables" / "a.html").stat().st_mtime_ns == stands
    assert "changed" in (tmp_path / "tables" / "b.html").read_text()
    assert not (tmp_path / "old").exists()
    assert (tmp_path / "data_docs" / "index.html").read_text() == "docs"


def test_a_page_that_cannot_be_rendered_leaves_the_site_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, tmp_path, page("a", "before"))
    with pytest.raises(Exception, match=r"gone\.html"):
        small(monkeypatch, tmp_path, page("a", "after"), page("b", template="gone.html"))
    assert "before" in (tmp_path / "tables" / "a.html").read_text()


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(ValueError, match=r"letters\.txt is of no site, and stays"):
        small(monkeypatch, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"letters.txt"}


def test_two_pages_of_one_name_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"two pages of the site are called tables/a\.html"):
        small(monkeypatch, tmp_path, page("a"), page("a"))


def test_a_build_that_was_killed_leaves_nothing_that_the_next_does_not_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch, tmp_path, page("a"))
    replace_ = building.replace

    def killed(path: Path, body: bytes) -> bool:
        if path.name == "index.html":
            raise KeyboardInterrupt
        return replace_(path, body)

    with monkeypatch.context() as cut:
        cut.setattr(building, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            small(monkeypatch, tmp_path, page("b"), Page("index.html.new", "n", "plain.html", {"body": ""}))
    small(monkeypatch, tmp_path, page("a"))
    assert {p.name for p in (tmp_path / "tables").iterdir()} == {"a.html"}
    assert not (tmp_path / "index.html.new").exists()


def test_sixty_tables_are_rendered_quickly(tmp_path: Path) -> None:
    registry, graph = read_repository()
    assert len(registry) > 60
    facts = SiteFacts(Settings(), registry, graph, NOW)
    started = time.process_time()
    files = rendered(facts)
    # It takes 0.6 s of a core; docs/site.md has the figures.
    assert time.process_time() - started < 10
    heaviest = max((len(body), path) for path, body in files.items() if path.endswith(".html"))
    assert heaviest < (500_000, "")
