"""The estimate of a month's bill: figures worked by hand, prices that say what they rest on, sizes that are built."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from small_shop import Shop, read_repository

from contracts.registry import REPOSITORY
from tasks import cost
from tasks.cost import Built, Environment, Line, Measured, Modules, Used, by_component, estimate
from tasks.settings import Settings

PRICES = cost.read_prices(REPOSITORY)
MODULES = REPOSITORY / "infra" / "terraform" / "modules"
BUILT = Built.model_validate(
    {
        "network": {"availability_zones": 2, "nat": "per_az", "interface_endpoints": ["ecs", "logs", "sns"]},
        "lake": {"noncurrent_days": 10, "infrequent_days": 30, "glacier_days": 90},
        "warehouse": {"node_type": "ra3.large", "nodes": 2, "office_hours": True},
        "glue": {"worker_type": "G.2X", "workers": 3},
        "flow_run": {"cpu": 2048, "memory_mib": 8192, "disk_gib": 50},
        "workers": 1,
        "replication": False,
        "backup_days": 0,
        "log_days": 30,
    }
)
OF_ALL = Modules(
    interface_endpoints=13, worker_vcpu=0.5, worker_memory_gb=2, lambda_memory_mb=1024, office_hours_per_day=12,
    office_days_per_week=5, alarms=20, dashboards=1, secrets=2,
)  # fmt: skip
USED = Used(
    rows_per_day=1_000_000, bytes_per_day=100_000_000, history_days=100, runs_per_day=1, files_per_day=10,
    lake_bytes_per_delivered_byte=2, warehouse_bytes_per_row=100, run_minutes=10, run_minutes_per_million_rows=5,
    glue_runs_per_day=1, glue_minutes=2, glue_minutes_per_million_rows=4, requests_put_per_run=1000,
    requests_get_per_run=4000, log_gb_per_day=0.2, image_gb=5,
)  # fmt: skip
# A whole number of days makes the figures below ones that can be checked in the head.
MONTH = cost.MONTH_DAYS


def quantities(built: Built = BUILT, used: Used = USED, metrics: int = 100) -> dict[tuple[str, str], float]:
    lines = estimate(Environment(built, OF_ALL, used), PRICES, metrics)
    assert len({(line.component, line.item) for line in lines}) == len(lines)
    return {(line.component, line.item): line.quantity for line in lines}


def total(used: Used, built: Built = BUILT) -> float:
    return sum(line.usd for line in estimate(Environment(built, OF_ALL, used), PRICES, 100))


def changed(built: Built = BUILT, **update: Any) -> Built:
    return Built.model_validate({**built.model_dump(), **update})


# Figures worked by hand


def test_a_cluster_costs_its_hours_paused_outside_of_office_hours() -> None:
    # 2 nodes × 730 h × 60 of 168 hours of a week; 1 M rows × 100 days × 100 bytes.
    found = quantities()
    assert found["Redshift", "nodes"] == pytest.approx(2 * 730 * 60 / 168)
    assert found["Redshift", "managed storage"] == pytest.approx(10.0)
    always = changed(warehouse={"node_type": "ra3.large", "nodes": 2, "office_hours": False})
    assert quantities(always)["Redshift", "nodes"] == 1460
    (nodes,) = [x for x in estimate(Environment(always, OF_ALL, USED), PRICES, 0) if x.item == "nodes"]
    assert nodes.usd == pytest.approx(1460 * 0.543)


def test_days_of_the_lake_move_from_class_to_class() -> None:
    # 0.1 GB a day in the inbox, twice that in the layers: 30 days are new, 60 older, 10 in the archive.
    found = quantities()
    assert [found["S3", item] for item in ("newest days", "older days", "archived days")] == pytest.approx([9, 18, 3])
    assert found["S3", "earlier versions"] == pytest.approx(1.0)
    young = quantities(used=USED.model_copy(update={"history_days": 20}))
    assert [young["S3", item] for item in ("newest days", "older days", "archived days")] == pytest.approx([6, 0, 0])


def test_runs_cost_their_minutes() -> None:
    # 10 minutes and 5 per million rows, each day, on 2 vCPU, 8 GB and 30 GB above the free 20.
    found, hours = quantities(), 15 / 60 * MONTH
    assert found["Fargate", "runs, vCPU"] == pytest.approx(hours * 2)
    assert found["Fargate", "runs, memory"] == pytest.approx(hours * 8)
    assert found["Fargate", "runs, disk"] == pytest.approx(hours * 30)
    assert (found["Fargate", "worker, vCPU"], found["Fargate", "worker, memory"]) == (365, 1460)
    # 3 workers of 2 DPU, 2 + 4 minutes.
    assert found["Glue", "lake transforms"] == pytest.approx(6 / 60 * MONTH * 6)


def test_a_network_costs_by_zone() -> None:
    found = quantities()
    assert found["NAT", "gateways"] == found["NAT", "public addresses"] == 2 * 730
    assert found["Endpoints", "interface endpoints"] == 3 * 2 * 730
    assert found["NAT", "data"] == 0
    single = changed(network={"availability_zones": 3, "nat": "single", "interface_endpoints": []})
    assert quantities(single)["NAT", "gateways"] == 730
    assert quantities(single)["Endpoints", "interface endpoints"] == 0
    assert quantities(single)["NAT", "data"] > 0
    unsaid = changed(network={"availability_zones": 3, "nat": "none"})
    assert quantities(unsaid)["Endpoints", "interface endpoints"] == 13 * 3 * 730
    assert quantities(unsaid)["NAT", "gateways"] == 0


def test_backups_of_the_warehouse_are_billed_whole_and_what_is_copied_twice() -> None:
    kept = quantities(changed(backup_days=7, replication=True))
    assert kept["Backups", "of the warehouse, one a day"] == pytest.approx(70.0)
    assert kept["Backups", "of the lake"] == kept["Backups", "of the lake, in the other region"] == pytest.approx(30.0)
    assert kept["Backups", "snapshot in the other region"] == pytest.approx(10.0)
    assert kept["Replication", "replica"] == pytest.approx(30.0)
    assert kept["Replication", "transfer to the other region"] == pytest.approx(0.3 * MONTH)
    assert {name: n for name, n in quantities().items() if name[0] in ("Backups", "Replication") and n} == {}


def test_prices_are_per_the_number_that_they_say() -> None:
    (put,) = [x for x in estimate(Environment(BUILT, OF_ALL, USED), PRICES, 100) if x.item == "writing requests"]
    parts = 0.3e9 / (16 << 20)
    assert put.quantity == pytest.approx((1000 + parts) * MONTH)
    assert put.usd == pytest.approx(put.quantity / 1000 * 0.005)
    assert put.unit == "requests"
    assert PRICES["nat.hour"].usd_per_unit == 0.056
    assert PRICES["lambda.request"].usd_per_unit == pytest.approx(0.0000002)


def test_components_add_up_the_dearest_first() -> None:
    lines = [
        Line("A", "x", 1, "p", "u", 1.0, True),
        Line("B", "y", 1, "p", "u", 5.0, True),
        Line("A", "z", 1, "p", "u", 2.0, True),
    ]
    assert list(by_component(lines).items()) == [("B", 5.0), ("A", 3.0)]
    assert sum(by_component(estimate(Environment(BUILT, OF_ALL, USED), PRICES, 100)).values()) == pytest.approx(
        total(USED)
    )


@given(
    rows=st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)).map(sorted),
    delivered=st.tuples(st.floats(0, 1e12), st.floats(0, 1e12)).map(sorted),
    copied=st.booleans(),
    history=st.integers(0, 800),
)
def test_more_rows_or_bytes_never_cost_less(
    rows: list[float], delivered: list[float], copied: bool, history: int
) -> None:
    built = changed(replication=copied, backup_days=7 * copied)
    less, more = (
        USED.model_copy(update={"rows_per_day": r, "bytes_per_day": b, "history_days": history})
        for r, b in zip(rows, delivered, strict=True)
    )
    assert all(a <= b for a, b in zip(quantities(built, less).values(), quantities(built, more).values(), strict=True))
    assert total(less, built) <= total(more, built)


# Volumes


def test_rows_and_bytes_follow_from_each_other_where_one_is_given() -> None:
    def volume(rows: float | None, delivered: float | None, measured: Measured | None = None) -> tuple[float, float]:
        used = cost.with_volume(USED, rows, delivered, measured)
        return used.rows_per_day, used.bytes_per_day

    assert volume(None, None) == (1_000_000, 100_000_000)
    assert volume(2_000_000, None) == (2_000_000, 200_000_000)
    assert volume(None, 50_000_000) == (500_000, 50_000_000)
    assert volume(3, 7) == (3, 7)
    measured = Measured("home", rows=10, delivered_bytes=300, lake_bytes=900, warehouse_bytes=4000)
    assert volume(None, None, measured) == (1_000_000, 30_000_000)
    assert volume(100, None, measured) == (100, 3000)
    used = cost.with_volume(USED, None, None, measured)
    assert (used.lake_bytes_per_delivered_byte, used.warehouse_bytes_per_row) == (3.0, 400.0)


def test_a_local_warehouse_is_measured(shop: Shop, tmp_path: Path) -> None:
    found = cost.measure(Settings(home=shop.home))
    assert found is not None
    assert found.rows == sum(entry.delivered_rows for report in shop.reports for entry in report.entries)
    assert found.delivered_bytes == sum(path.stat().st_size for path in shop.delivery.files.values())
    assert found.lake_bytes > found.delivered_bytes
    assert cost.measure(Settings(home=tmp_path)) is None


# What is read


def test_each_price_says_its_date_and_page_and_whether_it_is_confirmed() -> None:
    for name, price in PRICES.prices.items():
        assert price.source.startswith("https://aws.amazon.com/"), name
        assert price.date <= date(2026, 11, 23), name
        # What is confirmed is of the region itself.
        assert price.basis == "assumed" or price.region == PRICES.region == "ap-south-1", name


def test_every_price_is_used_and_every_item_has_one() -> None:
    nodes = {name for name in PRICES.prices if name.startswith("redshift.ra3.")}
    used = {line.price for line in estimate(Environment(BUILT, OF_ALL, USED), PRICES, 1)}
    assert used | nodes == PRICES.prices.keys()


def test_a_node_without_a_price_is_an_error() -> None:
    odd = changed(warehouse={"node_type": "dc2.large", "nodes": 1, "office_hours": False})
    with pytest.raises(ValueError, match=r"infra/prices.yaml has no price of redshift\.dc2\.large"):
        estimate(Environment(odd, OF_ALL, USED), PRICES, 1)


HEAD = "region: x\nhours_per_month: 730\nprices: "
PRICE = "per: h, region: x, date: 2026-01-01, basis: quoted"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{HEAD}{{a: {{usd: 0, {PRICE}, source: https://a}}}}", r"prices\.a\.usd"),
        (f"{HEAD}{{a: {{usd: 1, {PRICE}}}}}", r"prices\.a\.source"),
        (f"{HEAD}{{}}\nextra: 1", "extra"),
        ("region: [", "while parsing"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "prices.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"prices\.yaml: .*{why}"):
        cost.read_prices(tmp_path)


def test_the_metrics_that_are_counted_are_those_that_a_run_tells(shop: Shop, tmp_path: Path) -> None:
    import json

    from small_shop import load_day, open_home

    from tasks.metrics import measured

    home = shop.copy(shop.after_one_day, tmp_path / "home")
    space = open_home(home)
    try:
        with measured(space, "daily"):
            load_day(space, shop.last_day)
    finally:
        space.close()
    told = set()
    for line in space.settings.metrics_file.read_text().splitlines():
        found = json.loads(line)
        (directive,) = found["_aws"]["CloudWatchMetrics"]
        told |= {
            (metric["Name"], *(found[name] for name in wanted))
            for metric in directive["Metrics"]
            for wanted in directive["Dimensions"]
        }
    # One flow of six, and not every table has a score or changed on the day.
    counted = cost.metric_count(read_repository()[0]) - 3 * (cost.FLOWS - 1)
    assert 0.9 * counted <= len(told) <= counted


# What is built


def test_every_environment_that_is_built_can_be_estimated() -> None:
    assert cost.environments(REPOSITORY) == ["dev", "prod", "staging"]
    usd = {}
    for name in cost.environments(REPOSITORY):
        known = cost.read_environment(REPOSITORY, name)
        usd[name] = sum(line.usd for line in estimate(known, PRICES, cost.metric_count(read_repository()[0])))
    assert usd["dev"] < usd["staging"] < usd["prod"]


def test_an_estimate_is_below_the_budget_that_warns() -> None:
    for name in cost.environments(REPOSITORY):
        path = REPOSITORY / "infra" / "terraform" / "environments" / name / "environment.yaml"
        budget = yaml.safe_load(path.read_text())["monthly_budget_usd"]
        known = cost.read_environment(REPOSITORY, name)
        assert sum(line.usd for line in estimate(known, PRICES, 291)) < budget, name


def test_an_unknown_environment_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no environment 'test' in .*; one of dev, prod, staging"):
        cost.read_environment(REPOSITORY, "test")


def default_of(module: str, variable: str) -> str:
    """The default of a variable of a module, as it is written."""
    text = (MODULES / module / "variables.tf").read_text()
    (block,) = re.findall(rf'^variable "{variable}" {{\n(.*?)^}}', text, re.M | re.S)
    (default,) = re.findall(r"^  default\s*= (\[.*?\n  \]|.+?)$", block, re.M | re.S)
    return str(default)


def test_what_all_environments_share_is_what_the_modules_build() -> None:
    said = Modules.model_validate(yaml.safe_load((REPOSITORY / "infra" / "cost" / "modules.yaml").read_text()))
    assert said.interface_endpoints == len(re.findall(r'"[a-z0-9.]+"', default_of("network", "interface_endpoints")))
    assert said.lambda_memory_mb == int(default_of("landing", "memory_mb"))
    worker = (MODULES / "orchestration" / "worker.tf").read_text()
    cpu, memory = (int(re.findall(rf"^  {name}\s*= (\d+)", worker, re.M)[0]) for name in ("cpu", "memory"))
    assert (said.worker_vcpu, said.worker_memory_gb) == (cpu / 1024, memory / 1024)
    resume, pause = (
        re.findall(r"cron\((\d+) (\d+) ", default_of("warehouse", name))[0]
        for name in ("resume_schedule", "pause_schedule")
    )
    hours = int(pause[1]) + int(pause[0]) / 60 - int(resume[1]) - int(resume[0]) / 60
    assert said.office_hours_per_day == hours
    assert "MON-FRI" in default_of("warehouse", "resume_schedule")
    alarms = yaml.safe_load(re.sub(r"\$\{[^}]*\}", "1", (MODULES / "monitoring" / "alarms.yaml").read_text()))
    # Two composite alarms cost five times as much each.
    assert said.alarms >= len(alarms)
