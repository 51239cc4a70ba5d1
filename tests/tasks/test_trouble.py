"""From a run's account to alerts: each trouble with its place and next step, and which alerts a good run ends."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from command_line import Dw
from house_of_things import House
from small_shop import load_day

from tasks.alerts import Alert, told
from tasks.ledger import Entry
from tasks.load import Counts
from tasks.report import Failure, RunReport
from tasks.settings import Settings
from tasks.trouble import QUARANTINE_SHARE, about, over, tell_about

WHERE = Alert("critical", "failed", "", "prod", source="shop", flow="daily", run_id="r1", run_link="https://p/r1")
NOW = datetime(2026, 1, 6, tzinfo=UTC)


def entry(delivered: int, aside: int, **more: Any) -> Entry:
    known: dict[str, Any] = {
        "batch_id": "b1",
        "run_id": "r",
        "source": "shop",
        "table_name": "raw.orders",
        "delivery_date": date(2026, 1, 5),
        "file_name": "orders.csv.gz",
        "content_hash": "h",
        "bytes": 1,
        "delivered_rows": delivered,
        "loaded_rows": delivered - aside,
        "duplicate_rows": 0,
        "quarantined_rows": aside,
        "excluded_rows": 0,
        "status": "loaded",
        "error": None,
        "contract_version": "1.0.0",
        "loaded_at": datetime(2026, 1, 6),
    }
    return Entry(**{**known, **more})


def test_every_failure_is_critical_and_says_where_and_what_next() -> None:
    report = RunReport(
        failures=[
            Failure(
                "core.x is blocked: 1 rule failed\n  - asha@example.com", "gate-blocked", table="core.x", rule="r.1"
            ),
            Failure("2026-01-05: orders was not delivered", "not-delivered", table="raw.orders", batch="2026-01-05"),
            Failure("2026-01-05/a.csv: rejected. No header\nx", "file-rejected", table="raw.orders", batch="b7"),
            "something that nobody foresaw",
        ]
    )
    found = list(about(report, WHERE))
    assert {alert.severity for alert in found} == {"critical"}
    assert {(a.environment, a.source, a.flow, a.run_link) for a in found} == {("prod", "shop", "daily", "https://p/r1")}
    assert [(a.what, a.table, a.rule, a.batch, a.next_step) for a in found] == [
        ("gate-blocked", "core.x", "r.1", "", "dw quality --table core.x"),
        ("not-delivered", "raw.orders", "", "2026-01-05", "dw status --from 2026-01-05"),
        ("file-rejected", "raw.orders", "", "b7", "dw status"),
        ("failed", "", "", "", "dw status"),
    ]
    # Examples of rows stand below the head, and stay there.
    assert found[0].text == "core.x is blocked: 1 rule failed"


def test_the_next_step_of_another_source_names_it() -> None:
    report = RunReport(failures=["x"])
    (alert,) = about(report, Alert("critical", "failed", "", "prod", source="online-retail"))
    assert alert.next_step == "dw status --source online-retail"


@pytest.mark.parametrize(("aside", "is_told"), [(0, False), (5, False), (6, True), (100, True)])
def test_a_file_that_loses_much_to_quarantine_is_a_warning(aside: int, is_told: bool) -> None:
    assert QUARANTINE_SHARE == 0.05
    found = list(about(RunReport(entries=[entry(100, aside)]), WHERE))
    assert [(a.severity, a.what, a.table, a.batch) for a in found] == (
        [("warning", "quarantined", "raw.orders", "b1")] if is_told else []
    )
    assert all(alert.next_step == "dw quarantine list --batch b1" for alert in found)


def test_a_run_of_a_real_house_tells_rules_and_scores(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.deliver(0, "a,red,1,2026-01-05T08:00:00", *(f"{n},purple,1,2026-01-05T08:00:00" for n in range(4)))
    space = house.open()
    try:
        report = load_day(space, date(2026, 1, 5))
    finally:
        space.close()
    found = {alert.what: alert for alert in about(report, WHERE)}
    assert found.keys() == {"quarantined", "score-low"}
    assert "4 of 5 rows (80.0%) were set aside, most by clean.things.colour.in_set 4" in found["quarantined"].text
    low = found["score-low"]
    assert (low.severity, low.next_step) == ("warning", f"dw quality --table {low.table}")
    assert f"{low.table}: {low.rule} " in low.text


def test_nothing_is_told_of_a_good_run(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    report = RunReport(entries=[entry(100, 1)], builds={"core.x": Counts(1, 0, 1)}, warnings=["columns were ignored"])
    assert tell_about(settings, report, WHERE, is_done=True) == []
    assert not settings.alert_file.exists()


BLOCKED = RunReport(failures=[Failure("core.x is blocked", "gate-blocked", table="core.x", rule="r.1")])
REJECTED = RunReport(failures=[Failure("f: rejected", "file-rejected", table="raw.orders", batch="b1")])
MISSING = RunReport(failures=[Failure("not there", "not-delivered", table="raw.orders", batch="2026-01-05")])


@pytest.mark.parametrize(
    ("trouble", "good"),
    [
        (BLOCKED, RunReport(builds={"core.x": Counts(1, 0, 1)})),
        (REJECTED, RunReport(entries=[entry(10, 0)])),
        (MISSING, RunReport(entries=[entry(10, 0)])),
    ],
)
def test_what_works_again_is_told_as_over_and_only_then(tmp_path: Path, trouble: RunReport, good: RunReport) -> None:
    settings = Settings(home=tmp_path)
    assert len(tell_about(settings, trouble, WHERE, is_done=True)) == 1
    # Neither a run that did something else nor one that meets the trouble again ends it.
    assert tell_about(settings, RunReport(builds={"core.y": Counts()}), WHERE, is_done=True) == []
    again = RunReport(failures=trouble.failures, builds=good.builds, entries=good.entries)
    assert tell_about(settings, again, WHERE, is_done=True) == []
    (resolved,) = tell_about(settings, good, WHERE, is_done=True)
    assert resolved.what == f"resolved: {trouble.failures[0].what}"  # type: ignore[attr-defined]
    assert [each.is_open for each in told(settings)] == [False]


@pytest.mark.parametrize(("done", "ends"), [("daily", True), ("ingest", False), (None, False)])
def test_a_flow_that_failed_is_over_when_it_comes_to_its_end(tmp_path: Path, done: str | None, ends: bool) -> None:
    from tasks.alerts import tell

    settings = Settings(home=tmp_path)
    failed = Alert("critical", "flow-failed", "x", "prod", source="shop", flow="daily", run_id="r0")
    tell(settings, [failed], NOW)
    assert over(told(settings), RunReport(), done, []) == ([failed.key] if ends else [])


def test_a_report_that_is_merged_keeps_what_its_failures_are_about() -> None:
    total = RunReport()
    total.merge(BLOCKED)
    assert [alert.table for alert in about(total, WHERE)] == ["core.x"]


def test_what_an_attempt_that_failed_has_told_is_taken_back() -> None:
    report = RunReport(failures=["before"])

    def work() -> None:
        with report.attempt():
            report.failures.append("in between")
            report.entries += [entry(1, 0)]
            report.blocked["raw.orders"] += 1
            raise OSError("away")

    with pytest.raises(OSError, match="away"):
        work()
    assert (report.failures, report.entries, report.blocked) == (["before"], [], {})
    with report.attempt():
        report.failures.append("after")
    assert report.failures == ["before", "after"]


def test_dw_alerts_lists_what_was_told_and_tries_the_way(
    dw: Dw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path))
    assert dw("alerts", "list").out == "Nothing was told.\n"
    said = dw("alerts", "test", "--severity", "critical")
    assert (said.code, said.out.startswith("Told: [local] critical: test shop (")) == (0, True)
    tell_about(Settings(home=tmp_path), BLOCKED, WHERE, is_done=True)
    listed = dw("alerts", "list", "--open").out
    assert "core.x" in listed
    assert "dw quality --table core.x" in listed
    assert '"what": "gate-blocked"' in dw("alerts", "list", "--json").out
    assert dw("alerts", "test", "--severity", "loud").code != 0
