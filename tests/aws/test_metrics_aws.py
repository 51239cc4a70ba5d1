"""Metrics in aws mode: asked of Redshift, and written to standard output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cloud import cloud_settings, open_cloud
from hand_made import DAY
from house_of_things import House
from redshift_standin import Standin
from small_shop import load_day

from tasks.metrics import measured


def test_a_run_on_redshift_tells_its_metrics_on_standard_output(
    local_aws: str, standin: Standin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = House(tmp_path)
    made.deliver(0, "a,red,1,2026-01-05T10:00:00Z", "b,green,2,2026-01-05T10:00:00Z")
    settings = cloud_settings(tmp_path / "cloud", standin, made.root).model_copy(update={"deployment": "staging"})
    space = open_cloud(settings)
    space.deliveries.take_over(made.home / "inbox")
    capsys.readouterr()
    try:
        with measured(space, "daily"):
            report = load_day(space, DAY)
    finally:
        space.close()
    assert report.failures == report.warnings == []
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["Environment"] for each in found} == {"staging"}
    (raw,) = [each for each in found if each.get("Table") == "raw.things"]
    assert (raw["RowsLoaded"], raw["QuarantineShare"], raw["LedgerImbalance"]) == (1, 50.0, 0)
    assert raw["Freshness"] > 0
    assert found[-1]["Flow"] == "daily"
    assert {each["Table"] for each in found if "QualityScore" in each} >= {"raw.things", "clean.things"}
    assert not settings.metrics_file.exists()
