"""The growth benchmark: the same batch into each history, and a cost for every step and table."""

from __future__ import annotations

import gzip
from pathlib import Path

import growth
import pytest
from rich.console import Console

from contracts.registry import Registry

GROUPS = {"clean tables", "dimensions", "facts", "incremental marts", "marts of the whole history", "all steps"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, dict[str, growth.Costs]]]:
    folder = tmp_path_factory.mktemp("growth")
    return folder, growth.run(folder, [1, 2], days=1, orders=40, rounds=1, console=Console(quiet=True))


def test_every_step_of_a_delivery_is_measured_for_every_history(
    measured: tuple[Path, dict[int, dict[str, growth.Costs]]],
) -> None:
    _, costs = measured
    registry = Registry.read()
    assert list(costs) == [1, 2]
    assert costs[1].keys() == costs[2].keys()
    built = {str(c.table) for c in registry.values() if c.table.layer in ("curated", "core", "mart")}
    # No refund, attribution or change of a postal code on a day as small as this one.
    assert len({step.split()[-1] for step in costs[2]} & built) > 0.8 * len(built)
    assert all(cost["cpu"] > 0 for name, cost in costs[2].items() if name.startswith(("load", "core", "mart")))
    groups = growth.grouped(costs[2], registry)
    assert groups.keys() >= GROUPS
    parts = sum(cost["cpu"] for name, cost in groups.items() if name != "all steps")
    assert parts == pytest.approx(groups["all steps"]["cpu"])


def test_the_longer_history_holds_more_of_everything_but_the_batch(
    measured: tuple[Path, dict[int, dict[str, growth.Costs]]],
) -> None:
    folder, _ = measured
    customers, with_orders = {}, {}
    for factor in (1, 2):
        inbox = folder / f"{factor}x" / "inbox"
        customers[factor] = gzip.decompress((inbox / "2026-01-05" / "customers.csv.gz").read_bytes()).count(b"\n")
        with_orders[factor] = sorted(path.parent.name for path in inbox.glob("*/orders.csv.gz"))
    # The day before the shorter one brings what stood already.
    assert with_orders == {1: ["2026-01-06"], 2: ["2026-01-05", "2026-01-06"]}
    assert 0.45 < customers[1] / customers[2] < 0.75


def test_the_aim_is_missed_when_a_group_grows(capsys: pytest.CaptureFixture[str]) -> None:
    steps = ["load orders", "core core.dim_date", "core core.fact_sales", "mart mart.finance_daily_revenue"]
    flat = {step: {"cpu": 1.0, "wall": 1.0} for step in steps}
    grown = {**flat, "core core.fact_sales": {"cpu": 1.6, "wall": 1.0}}
    registry = Registry.read()
    assert growth.show({1: flat, 16: flat}, registry, Console())
    assert not growth.show({1: flat, 16: grown}, registry, Console())
    assert "MISSED  facts: 1.60 (at most 1.5)" in capsys.readouterr().out
