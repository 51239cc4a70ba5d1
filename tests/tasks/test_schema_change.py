"""Columns come to the shop's own contracts between two deliveries, and go through every layer; others get wider."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from small_shop import Shop, built, differences, load, query

from contracts.registry import REPOSITORY
from contracts.source import read_document
from tasks.report import RunReport

NICKNAME = {
    "name": "nickname",
    "logicalType": "string",
    "physicalType": "varchar(64)",
    "description": "What the customer likes to be called.",
}
CAMPAIGN = {**NICKNAME, "name": "campaign_text", "description": "What the campaign was called."}


def since(column: dict[str, Any]) -> dict[str, Any]:
    return {**column, "customProperties": [{"property": "since", "value": "1.1.0"}]}


def rewrite(root: Path, table: str, column: dict[str, Any] | None = None, **wider: str) -> None:
    """A new version of a contract: a column more before those that clean tables share, other types."""
    path = root / "contracts" / f"{table.replace('.', '/')}.yaml"
    body = read_document(path).data
    body["version"] = "1.1.0"
    schema = body["schema"][0]
    for old in schema["properties"]:
        old["physicalType"] = wider.get(old["name"], old["physicalType"])
    if column:
        names = [old["name"] for old in schema["properties"]]
        at = names.index("row_hash") if "row_hash" in names else len(names)
        schema["properties"].insert(at, column)
    for custom in schema["customProperties"]:
        if table == "core.dim_customer" and custom["property"] == "load":
            custom["value"]["overwrite"].append("nickname")
    path.write_text(yaml.safe_dump(body, sort_keys=False, allow_unicode=True))


def replace(path: Path, old: str, new: str) -> None:
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))


@pytest.fixture(scope="module")
def changed(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunReport]:
    """The home after both days, the second of which came with new columns and met wider types; and its report."""
    folder = tmp_path_factory.mktemp("changed")
    home = shop.copy(shop.after_one_day, folder / "home")
    root = folder / "repository"
    for name in ("contracts", "sql"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("*.py", "__pycache__"))

    for table in ("raw.customers", "clean.customers"):
        rewrite(root, table, since(NICKNAME))
    rewrite(root, "core.dim_customer", NICKNAME, city="varchar(256)")
    customers = root / "sql" / "core" / "dim_customer.sql"
    replace(customers, "    FALSE AS is_inferred\nFROM", "    FALSE AS is_inferred,\n    nickname\nFROM")
    replace(
        customers, "    is_inferred\nFROM inf", "    is_inferred,\n    CAST(NULL AS VARCHAR(64)) AS nickname\nFROM inf"
    )
    rewrite(root, "mart.customer_360", NICKNAME)
    path = root / "sql" / "mart" / "customer_360.sql"
    select = path.read_text().rpartition("\nFROM core.dim_customer")
    path.write_text(f"{select[0]},\n    dim_customer.nickname{select[1]}{select[2]}")
    for table in ("raw.web_events", "clean.web_events"):
        rewrite(root, table, since(CAMPAIGN))
    rewrite(root, "core.fact_sales", quantity="bigint")

    file = home / "inbox" / shop.last_day.isoformat() / "customers.csv.gz"
    header, *lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    text = "\n".join([f"{header},nickname", *(f"{line},Ash" for line in lines)])
    file.write_bytes(gzip.compress(text.encode(), mtime=0))
    (report,) = load(home, [shop.last_day], root)
    return home, report


def test_the_run_ends_well_and_says_what_it_altered(changed: tuple[Path, RunReport]) -> None:
    _, report = changed
    assert report.failures == []
    assert report.altered == [
        "clean.customers: column nickname varchar(64) added",
        "clean.web_events: column campaign_text varchar(64) added",
        "core.dim_customer: column city widened from varchar(128) to varchar(256)",
        "core.dim_customer: column nickname varchar(64) added",
        "core.fact_sales: column quantity widened from integer to bigint",
        "mart.customer_360: column nickname varchar(64) added",
    ]
    assert any("web_events.jsonl.gz: the file is without columns that came later" in w for w in report.warnings)


def test_the_column_is_in_every_layer(changed: tuple[Path, RunReport], shop: Shop) -> None:
    home, _ = changed
    days = query(home, "SELECT delivery_date, nickname FROM clean.customers GROUP BY ALL ORDER BY ALL").rows()
    assert days == [(shop.delivery.days[0], None), (shop.last_day, "Ash")]
    current = "SELECT customer_id FROM core.dim_customer WHERE is_current AND nickname = 'Ash' ORDER BY 1"
    named = query(home, current).rows()
    assert named
    assert query(home, "SELECT customer_id FROM mart.customer_360 WHERE nickname = 'Ash' ORDER BY 1").rows() == named


def test_every_other_value_is_what_it_is_without_the_change(changed: tuple[Path, RunReport], shop: Shop) -> None:
    home, _ = changed
    found = {name: rows.drop("nickname", strict=False) for name, rows in built(home).items()}
    expected = built(shop.home)
    found = {
        name: rows.select(expected[name].columns).cast(dict(expected[name].schema)).sort(pl.all())
        for name, rows in found.items()
    }
    assert differences(found, {name: rows.sort(pl.all()) for name, rows in expected.items()}) == {}
