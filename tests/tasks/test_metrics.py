"""Metrics: what a run tells of itself, in the form that CloudWatch reads, and nothing that costs a look at the data."""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hand_made import DAY
from house_of_things import House
from hypothesis import given
from hypothesis import strategies as st
from small_shop import Shop, load_day

from contracts.registry import REPOSITORY
from tasks import ledger, metrics
from tasks.metrics import METRICS, OF_RUN, OF_TABLE, document, documents, measured, of_report
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse.base import WarehouseBusy, WarehouseError
from tasks.workspace import Workspace

AT = "2026-01-05T10:00:00Z"
GOOD, GREEN = f"a,red,1,{AT}", f"b,green,2,{AT}"
NOW = datetime(2026, 1, 7, 1, 30, tzinfo=UTC)
TEXT = {"type": "string", "minLength": 1}
UNITS = "Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Percent|Count|None"
# What AWS publishes for embedded metric format documents, with the limits of its text: at most 100 metrics.
EMF = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {**TEXT, "maxLength": 1024, "pattern": "^[^:].*$"},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 30, "items": {**TEXT, "maxLength": 250}},
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "minItems": 1,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {**TEXT, "maxLength": 1024},
                                        "Unit": {"type": "string", "pattern": f"^({UNITS})$"},
                                        "StorageResolution": {"enum": [1, 60]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
# Docker splits what is longer into several events, and none of them is a document.
LONGEST_LINE = 16_384


def accepted(line: str, now: datetime) -> dict[str, Any]:
    """A line as CloudWatch takes it; fails where it would drop it, or a metric of it."""
    assert len(line.encode()) < LONGEST_LINE
    found: dict[str, Any] = json.loads(line)
    jsonschema.validate(found, EMF)
    # Between two weeks ago and two hours ahead, in milliseconds.
    assert now - timedelta(days=14) < datetime.fromtimestamp(found["_aws"]["Timestamp"] / 1000, UTC)
    assert datetime.fromtimestamp(found["_aws"]["Timestamp"] / 1000, UTC) < now + timedelta(hours=2)
    for directive in found["_aws"]["CloudWatchMetrics"]:
        for name in {name for wanted in directive["Dimensions"] for name in wanted}:
            assert isinstance(found[name], str)
            assert 1 <= len(found[name]) <= 1024
            assert found[name].isascii()
        for metric in directive["Metrics"]:
            value = found[metric["Name"]]
            assert isinstance(value, int | float)
            assert not isinstance(value, bool)
            assert math.isfinite(value)
    return found


def told(home: Path) -> list[dict[str, Any]]:
    """The documents in a home's file, each as CloudWatch takes it."""
    lines = (home / "metrics.jsonl").read_text().splitlines()
    return [accepted(line, datetime.now(UTC)) for line in lines]


def of_tables(found: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    names = {metric.name for metric in METRICS}
    return {d["Table"]: {k: v for k, v in d.items() if k in names} for d in found if "Table" in d}


def of_flow(found: list[dict[str, Any]]) -> dict[str, Any]:
    (run,) = [each for each in found if "Flow" in each]
    return run


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def space(house: House) -> Iterator[Workspace]:
    house.deliver(0, GOOD, GREEN)
    found = house.open()
    yield found
    found.close()


def run(space: Workspace, number: int = 0, flow: str = "daily") -> list[dict[str, Any]]:
    """Load a day as a flow does, and read what was told of it."""
    space.settings.metrics_file.unlink(missing_ok=True)
    with measured(space, flow):
        load_day(space, DAY + timedelta(days=number))
    return told(space.settings.home)


def load_and_fail(space: Workspace, why: str) -> None:
    with measured(space, "daily"):
        load_day(space, DAY)
        raise RuntimeError(why)


# What is declared


def test_each_metric_is_declared_once_with_a_meaning_and_known_dimensions() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert {metric.dimensions for metric in METRICS} == {OF_TABLE, OF_RUN}
    for metric in METRICS:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", metric.name)
        assert re.fullmatch(UNITS, metric.unit)
        assert metric.meaning


def test_a_run_tells_every_metric_that_is_declared_and_no_other(space: Workspace) -> None:
    found = run(space)
    names = {
        m["Name"] for each in found for directive in each["_aws"]["CloudWatchMetrics"] for m in directive["Metrics"]
    }
    assert names == {metric.name for metric in METRICS}
    by_name: dict[str, set[Any]] = defaultdict(set)
    for each in found:
        (directive,) = each["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Warehouse"
        for metric in directive["Metrics"]:
            by_name[metric["Name"]].add((metric["Unit"], tuple(map(tuple, directive["Dimensions"]))))
    assert by_name == {metric.name: {(metric.unit, metric.dimensions)} for metric in METRICS}


def test_the_page_on_aws_lists_the_metrics_as_they_are_declared() -> None:
    page = (REPOSITORY / "docs" / "aws.md").read_text()
    listed = [tuple(row) for row in re.findall(r"^\| (\w+) \| (\w+) \| (Table|Flow) \| (.+) \|$", page, re.M)]
    assert listed == [(m.name, m.unit, m.dimensions[1][1], m.meaning) for m in METRICS]


# What a run says


def test_rows_bytes_and_shares_are_those_of_the_ledger(space: Workspace, house: House) -> None:
    found = of_tables(run(space))["raw.things"]
    size = (house.home / "inbox" / DAY.isoformat() / "things.csv").stat().st_size
    said = ("RowsDelivered", "RowsLoaded", "RowsDuplicate", "RowsQuarantined", "QuarantineShare", "Bytes")
    assert [found[name] for name in said] == [2, 1, 0, 1, 50.0, size]
    assert found["LedgerImbalance"] == 0
    assert found["GateBlocked"] == 0
    assert found["Seconds"] > 0


def test_a_computed_table_says_what_its_build_changed(space: Workspace, house: House) -> None:
    assert of_tables(run(space))["core.colour"]["RowsLoaded"] == 1
    house.deliver(1, f"a,blue,1,{AT.replace('05', '06')}", f"c,red,1,{AT}")
    # a moved from red to blue, and c is red: red keeps its count of one, blue is new.
    assert of_tables(run(space, 1))["core.colour"]["RowsLoaded"] == 1


def test_scores_are_those_that_the_run_recorded_the_lowest_with_a_threshold(space: Workspace, house: House) -> None:
    house.deliver(0, GOOD, GOOD, GREEN)
    found = of_tables(run(space))
    recorded = space.warehouse.native(
        "SELECT table_name, MIN(score)::DOUBLE * 100 FROM audit.quality_score WHERE threshold IS NOT NULL GROUP BY 1",
    )
    assert {table: v["QualityScore"] for table, v in found.items() if "QualityScore" in v} == dict(recorded.iter_rows())
    assert found["clean.things"]["QualityScore"] < 100
    # A row that came twice counts as a lack of uniqueness, which is only reported.
    lowest = "SELECT MIN(score)::DOUBLE * 100 FROM audit.quality_score WHERE table_name = 'raw.things'"
    assert space.warehouse.native(lowest).item() < found["raw.things"]["QualityScore"]


def test_freshness_counts_from_the_end_of_the_newest_loaded_day_also_when_nothing_was_loaded(space: Workspace) -> None:
    before = datetime.now(UTC)
    first = of_tables(run(space))["raw.things"]["Freshness"]
    # The day ends at midnight in Kolkata, 18:30 UTC.
    end = datetime(DAY.year, DAY.month, DAY.day, 18, 30, tzinfo=UTC)
    assert (before - end).total_seconds() <= first <= (datetime.now(UTC) - end).total_seconds()
    again = of_tables(run(space))
    assert again["raw.things"]["Freshness"] >= first
    assert set(again["raw.things"]) == {"Freshness", "LedgerImbalance"}


def test_a_delivery_of_a_day_that_is_not_over_is_fresh(space: Workspace) -> None:
    run(space)
    on_time = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
    found = metrics.of_warehouse(space.warehouse, space.settings, space.run_id, on_time)
    assert found["raw.things"]["Freshness"] == 0.0


def test_rows_that_vanish_from_the_ledger_are_told(space: Workspace) -> None:
    run(space)
    space.warehouse.execute(f"UPDATE {ledger.TABLE} SET loaded_rows = loaded_rows - 1")
    assert of_tables(run(space))["raw.things"]["LedgerImbalance"] == 1
    # Too many rows do not make up for it.
    space.warehouse.execute(f"UPDATE {ledger.TABLE} SET loaded_rows = loaded_rows + 3")
    assert of_tables(run(space))["raw.things"]["LedgerImbalance"] == 2


def test_a_file_and_a_build_that_are_stopped_are_told_of_their_table(house: House) -> None:
    house.deliver(0, GOOD, header="thing_id,colour\n")
    space = house.open()
    try:
        found = run(space)
    finally:
        space.close()
    assert of_tables(found)["raw.things"]["GateBlocked"] == 1
    assert "Freshness" not in of_tables(found)["raw.things"]
    assert of_flow(found)["RunFailures"] == 1


def test_a_redrive_counts_no_delivered_row_again(space: Workspace, house: House) -> None:
    run(space)
    house.allow(("red", "blue", "green"))
    space.close()
    with measured(again := house.open(), "redrive"):
        from tasks import quarantine, redrive

        again.begin()
        (outcome,) = redrive.redrive(again, quarantine.select(again.registry, again.warehouse, None, None, None))
    again.close()
    assert outcome.loaded == 1
    found = of_tables(told(house.home)[-3:])
    assert "RowsDelivered" not in found["raw.things"]
    assert found["raw.things"]["Seconds"] > 0
    assert found["core.colour"]["RowsLoaded"] == 1


# However it ends


def test_a_run_that_fails_tells_what_it_knows(space: Workspace) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        load_and_fail(space, "broken")
    found = told(space.settings.home)
    assert of_flow(found)["RunFailures"] == 1
    assert of_tables(found)["raw.things"]["RowsLoaded"] == 1
    assert "Freshness" in of_tables(found)["raw.things"]


def test_failures_that_a_run_tells_make_it_one_failed_run(space: Workspace) -> None:
    with measured(space, "daily"):
        space.begin()
        space.report.failures += ["one", "two"]
        space.report.warnings += ["a", "b", "c"]
    assert (of_flow(told(space.settings.home))["RunFailures"], of_flow(told(space.settings.home))["RunWarnings"]) == (
        1,
        3,
    )


def test_a_run_that_is_cancelled_asks_the_warehouse_nothing(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run(space)
    space.settings.metrics_file.unlink()
    monkeypatch.setattr(metrics, "of_warehouse", lambda *_: pytest.fail("asked"))
    with pytest.raises(KeyboardInterrupt), measured(space, "daily"):
        raise KeyboardInterrupt
    (found,) = told(space.settings.home)
    assert found["RunFailures"] == 1


def test_a_run_that_is_kept_out_tells_nothing_of_the_one_before_it_and_opens_nothing(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(space)
    space.settings.metrics_file.unlink()
    space.close()

    def busy() -> None:
        raise WarehouseBusy("another run")

    with pytest.raises(WarehouseBusy), measured(space, "daily"):
        busy()
    assert [set(each) & {"Table", "Flow"} for each in told(space.settings.home)] == [{"Flow"}]
    assert not space.is_open


def test_a_warehouse_that_answers_no_more_does_not_hide_the_failure(
    space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> Any:
        raise WarehouseError("connection lost")

    monkeypatch.setattr(metrics, "of_warehouse", gone)
    with pytest.raises(RuntimeError, match="the first error"):
        load_and_fail(space, "the first error")
    assert of_tables(told(space.settings.home))["raw.things"]["RowsLoaded"] == 1


def test_metrics_that_cannot_be_written_fail_no_run(space: Workspace) -> None:
    space.settings.metrics_file.mkdir(parents=True)
    with measured(space, "daily"):
        report = load_day(space, DAY)
    assert len(report.warnings) == 1
    assert "metrics.jsonl" in report.warnings[0]


# What it costs, and where it goes


def test_no_table_of_data_is_read_for_them(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with measured(space, "daily"):
        load_day(space, DAY)
        asked: list[str] = []
        ask = space.warehouse.query
        monkeypatch.setattr(space.warehouse, "query", lambda sql, **binds: asked.append(sql) or ask(sql, **binds))
    assert [re.findall(r"FROM ([a-z_.]+)", sql) for sql in asked] == [["audit.load_ledger"], ["audit.quality_score"]]


def test_in_aws_mode_each_line_of_standard_output_is_one_document(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = Settings(
        mode="aws", home=tmp_path, deployment="prod", inbox_url="s3://bucket/inbox", lake_url="s3://bucket/lake",
        glue_job="curate", redshift_workgroup="w",
    )  # fmt: skip
    found = documents(settings, "daily", "r1", NOW, [{"raw.orders": {"Bytes": 10}}], {"RunSeconds": 1.5})
    metrics.write(settings, found)
    table, flow = (accepted(line, NOW) for line in capsys.readouterr().out.splitlines())
    assert (table["Environment"], table["Table"], table["Bytes"]) == ("prod", "raw.orders", 10)
    assert (flow["Environment"], flow["Flow"], flow["RunSeconds"]) == ("prod", "daily", 1.5)
    assert list(tmp_path.iterdir()) == []


def test_a_person_at_a_terminal_reads_no_documents(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path).model_copy(update={"mode": "aws"})
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    metrics.write(settings, documents(settings, "daily", "r1", NOW, [], {"RunSeconds": 1.0}))
    assert capsys.readouterr().out == ""
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1


def test_another_sources_tables_have_names_of_their_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path).for_source("gifts", shop_timezone="UTC", reporting_currency="GBP")
    first, _ = documents(settings, "daily", "r", NOW, [{"raw.orders": {"Bytes": 1}}], {"RunSeconds": 1})
    assert first["Table"] == "gifts/raw.orders"


@given(
    st.dictionaries(
        st.sampled_from([m.name for m in METRICS if m.dimensions == OF_TABLE]),
        st.one_of(st.integers(0, 10**15), st.floats(0, 1e15)),
        min_size=1,
    )
)
def test_whatever_is_known_of_a_table_is_a_document(values: dict[str, float]) -> None:
    dimensions = {"Environment": "prod", "Table": "raw.orders"}
    line = json.dumps(document(dimensions, values, NOW, {"run_id": "r"}))
    found = accepted(line, NOW)
    assert {name: found[name] for name in values} == values
    assert found["_aws"]["Timestamp"] == 1_767_749_400_000


@pytest.mark.parametrize(
    ("dimensions", "values", "why"),
    [
        ({"Environment": "prod", "Table": "t"}, {"Bytes": math.nan}, "Bytes is not a finite number"),
        ({"Environment": "prod", "Table": ""}, {"Bytes": 1}, "dimension Table: '' is not 1 to 1,024 ASCII"),
        ({"Environment": "prød", "Table": "t"}, {"Bytes": 1}, "dimension Environment: 'prød'"),
        ({"Environment": "prod"}, {"Bytes": 1}, "no value is given for the dimension Table"),
        ({"Environment": "prod", "Table": "t"}, {"Bytes": 1, "RunSeconds": 1}, "one list of dimensions"),
        ({"Environment": "prod", "Table": "t"}, {}, "one list of dimensions"),
    ],
)
def test_what_cloudwatch_would_drop_is_an_error(dimensions: dict[str, str], values: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        document(dimensions, values, NOW, {})


def test_a_report_of_nothing_says_nothing() -> None:
    assert of_report(RunReport(), "r") == {}


def test_the_report_of_a_whole_shop_is_told_in_full(shop: Shop) -> None:
    report = shop.reports[0]
    found = of_report(report, report.entries[0].run_id)
    delivered = {entry.table_name for entry in report.entries}
    assert {table for table, values in found.items() if "RowsDelivered" in values} == delivered
    assert {table for table, values in found.items() if "Seconds" in values} == delivered | report.builds.keys()
    seconds = sum(values["Seconds"] for values in found.values())
    assert seconds == pytest.approx(sum(s for name, s in report.seconds.items() if name != "score"), abs=0.1)
