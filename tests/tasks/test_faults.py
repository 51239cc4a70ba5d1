"""What goes wrong stays where it is: a bad file, a failed gate; afterwards all is well again."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from small_shop import Shop, built, differences, load, query, read_repository, tables

from contracts.ids import TableId
from contracts.registry import REPOSITORY


def clean(home: Path) -> dict[str, pl.DataFrame]:
    return tables(home, ("clean",))


# Files


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def packed_no_longer(path: Path) -> None:
    path.write_bytes(gzip.decompress(path.read_bytes()))


def with_another_header(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"total_amount", b"total", 1)))


def without_a_column(path: Path) -> None:
    pl.read_parquet(path).drop("moved_at").write_parquet(path)


def in_latin_1(path: Path) -> None:
    path.write_bytes(path.read_bytes() + "é,,,,,,\n".encode("latin-1"))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


# file of the last day: how it is broken, and what must be said about it
BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "customers.csv.gz": (cut_off, "the gzip stream is broken or cut off"),
    "products.jsonl": (emptied, "the file is empty (0 bytes)"),
    "orders.csv.gz": (with_another_header, "column 'total_amount' is missing"),
    "order_items.parquet": (cut_off, "not a Parquet file that can be read"),
    "payments.csv": (in_latin_1, "not utf-8 text: byte 0xe9 at offset"),
    "refunds.jsonl.gz": (packed_no_longer, "the file is not gzip but its contract says gzip"),
    "inventory_movements.parquet": (without_a_column, "column 'moved_at' is missing"),
}


def test_broken_files_stop_only_themselves_and_are_loaded_once_mended(shop: Shop, tmp_path: Path) -> None:
    home = shop.copy(shop.after_one_day, tmp_path)
    inbox, day = home / "inbox" / shop.last_day.isoformat(), shop.last_day
    for file, (break_it, _) in BROKEN.items():
        break_it(inbox / file)
    (inbox / "surprise.csv").write_text("what,is,this\n")

    (report,) = load(home, [day])
    for file, (_, said) in BROKEN.items():
        assert [f for f in report.failures if f.startswith(f"{day}/{file}: rejected. {file}: ") and said in f], file
    assert len(report.failures) == len(BROKEN)
    assert report.warnings == [f"{day}/surprise.csv: no raw contract expects this file; it was left alone"]
    status = {e.file_name: e.status for e in report.entries}
    assert status == {**dict.fromkeys(BROKEN, "rejected"), "web_events.jsonl.gz": "loaded", "fx_rates.csv": "loaded"}
    assert differences(tables(shop.home, ("curated",)), tables(home, ("curated",))) == {}

    ledger = query(home, "SELECT * FROM audit.load_ledger WHERE status = 'rejected' ORDER BY ALL")
    notes = [json.loads(path.read_text()) for path in (home / "lake" / "quarantine").rglob("rejected.json")]
    assert sorted((note["file"], note["reason"]) for note in notes) == sorted(
        ledger.select("file_name", "error").rows()
    )
    kept = {path.name for path in (home / "lake" / "quarantine").rglob("*") if path.name in BROKEN}
    assert kept == set(BROKEN)

    before = tables(home)
    (again,) = load(home, [day])
    assert again.failures == report.failures
    assert differences(before, tables(home)) == {}

    shutil.copytree(shop.delivery.root / day.isoformat(), inbox, dirs_exist_ok=True)
    (mended,) = load(home, [day])
    assert mended.failures == []
    assert sorted(e.file_name for e in mended.entries) == sorted(BROKEN)
    assert differences(clean(shop.home), clean(home)) == {}
    assert differences(built(shop.home), built(home)) == {}


def test_the_same_file_again_brings_nothing_new(shop: Shop, tmp_path: Path) -> None:
    home, day = shop.copy(shop.home, tmp_path), shop.last_day
    payments = home / "inbox" / day.isoformat() / "payments.csv"
    shutil.copyfile(payments, payments.with_name("payments.2.csv"))
    next_day = home / "inbox" / (day + timedelta(days=1)).isoformat()
    next_day.mkdir()
    shutil.copyfile(payments, next_day / "payments.csv")

    same_day, later = load(home, [day, day + timedelta(days=1)])
    assert f"{day}/payments.2.csv" in same_day.already_loaded
    assert (same_day.entries, same_day.failures) == ([], [])
    (entry,) = later.entries
    assert (entry.delivered_rows, entry.loaded_rows) == (shop.delivery.rows[day, "payments"], 0)
    assert entry.duplicate_rows + entry.quarantined_rows == entry.delivered_rows
    assert differences(clean(shop.home), clean(home)) == {}
    assert differences(built(shop.home), built(home)) == {}


# Gates

NEVER = """    quality:
      - id: never_so
        metric: rowCount
        mustBeGreaterThan: 1000000000
        dimension: coverage
        description: More rows than there will ever be.
"""


@pytest.fixture
def stricter(tmp_path: Path) -> Path:
    """A repository in which the gate of core.fact_refunds fails, whatever comes."""
    root = tmp_path / "repository"
    for folder in ("contracts", "sql"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = root / "contracts" / "core" / "fact_refunds.yaml"
    text = path.read_text()
    assert text.count("    quality:\n      - id") == 1
    path.write_text(text.replace("    quality:\n", NEVER))
    return root


def test_a_failed_gate_leaves_the_table_and_its_readers_as_they_were_and_the_rest_goes_on(
    shop: Shop, tmp_path: Path, stricter: Path
) -> None:
    home = shop.copy(shop.after_one_day, tmp_path / "home")
    for path in (home / "inbox" / shop.last_day.isoformat()).iterdir():
        if path.name not in ("customers.csv.gz", "refunds.jsonl.gz"):
            path.unlink()
    blocked = TableId.parse("core.fact_refunds")
    _, graph = read_repository()
    readers = {str(t) for t in graph.reach([blocked], down=True)} - {str(blocked)}
    before = built(home)

    (report,) = load(home, [shop.last_day], stricter)
    changed = differences(before, built(home))
    assert {"core.dim_customer"} <= changed.keys() <= before.keys() - readers - {str(blocked)}
    said = "\n".join(report.failures)
    assert "core.fact_refunds is blocked: 1 rule failed" in said
    assert "More rows than there will ever be" in said
    assert "[core.fact_refunds.never_so, contracts/core/fact_refunds.yaml:" in said
    for reader in readers:
        assert f"{reader}: not built, because core.fact_refunds is blocked; it stays as it was" in report.failures
    assert [e.status for e in report.entries] == ["loaded", "loaded"]
    failed = "SELECT table_name, is_success FROM audit.quality_result WHERE rule_id = 'core.fact_refunds.never_so'"
    assert query(home, failed).rows() == [("core.fact_refunds", False)]

    (later,) = load(home, [shop.last_day])
    assert (later.entries, later.failures) == ([], [])
    # `before` leaves out the marts about the runs, which hear of every run.
    assert {str(blocked), "mart.finance_daily_revenue"} <= later.builds.keys()
    assert later.builds.keys() & before.keys() <= readers | {str(blocked)}
    refunds = query(home, "SELECT refund_id FROM clean.refunds ORDER BY ALL")
    assert query(home, "SELECT refund_id FROM core.fact_refunds ORDER BY ALL").equals(refunds)
