"""What a contract says about its scores: thresholds, what happens below them, and the latency it promises."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.model import Contract, Latency
from contracts.reader import read_contract
from contracts.registry import Registry
from contracts.source import ContractError


def read(
    folder: Path, custom: dict[str, Any] | None = None, sla: list[dict[str, Any]] | None = None, layer: str = "clean"
) -> Contract:
    """A contract of one table with these custom properties and SLA, checked against the standard too."""
    properties = [{"property": "load", "value": {"strategy": "upsert" if layer == "clean" else "replace"}}]
    if layer == "raw":
        properties.append({"property": "delivery", "value": {"file": "things.csv", "format": "csv"}})
    properties += [{"property": name, "value": value} for name, value in (custom or {}).items()]
    seen = {"name": "seen_at", "logicalType": "timestamp", "physicalType": "timestamp", "description": "When."}
    seen |= {"primaryKey": True, "primaryKeyPosition": 1}
    body: dict[str, Any] = {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": f"{layer}.things",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "things", "customProperties": properties, "properties": [seen]}],
    }
    if sla is not None:
        body["slaProperties"] = sla
    path = folder / "things.yaml"
    path.write_text(yaml.safe_dump(body, sort_keys=False), encoding="utf-8")
    return read_contract(path, file="things.yaml")


def test_a_threshold_may_be_written_by_either_name(tmp_path: Path) -> None:
    assert read(tmp_path, {"thresholds": {"validity": 0.9}}).thresholds == {"conformity": 0.9}
    assert read(tmp_path, {"thresholds": {"conformity": 0.9}}).thresholds == {"conformity": 0.9}


@pytest.mark.parametrize(
    ("custom", "told"),
    [
        ({"thresholds": {"validity": 0.9, "conformity": 0.9}}, "threshold for conformity stands twice"),
        ({"thresholds": {"beauty": 0.9}}, "threshold for unknown dimension 'beauty'; one of completeness, accuracy"),
        ({"thresholds": {"accuracy": 98}}, "thresholds accuracy: Input should be less than or equal to 1"),
        ({"thresholds": {"accuracy": -0.1}}, "thresholds accuracy: Input should be greater than or equal to 0"),
        ({"scoreVerdict": "quarantine"}, "scoreVerdict: Input should be 'block' or 'warn'"),
        ({"scoreMinimum": -1}, "scoreMinimum: Input should be greater than or equal to 0"),
    ],
)
def test_what_cannot_be_is_refused_with_file_and_line(tmp_path: Path, custom: dict[str, Any], told: str) -> None:
    with pytest.raises(ContractError) as refused:
        read(tmp_path, custom)
    assert told in str(refused.value)
    assert str(refused.value).startswith("things.yaml:")


@pytest.mark.parametrize(
    ("layer", "verdict"),
    [("raw", "warn"), ("clean", "warn"), ("curated", "block"), ("core", "block"), ("mart", "warn")],
)
def test_a_layer_has_its_verdict_unless_the_contract_says_otherwise(tmp_path: Path, layer: str, verdict: str) -> None:
    assert read(tmp_path, layer=layer).score_verdict == verdict
    assert read(tmp_path, layer=layer).score_minimum == 100
    for other in ("warn", "block"):
        found = read(tmp_path, {"scoreVerdict": other, "scoreMinimum": 1}, layer=layer)
        assert (found.score_verdict, found.score_minimum) == (other, 1)


@pytest.mark.parametrize(
    ("value", "unit", "after"), [(1, "d", timedelta(days=1)), (6, "h", timedelta(hours=6)), (0, "days", timedelta())]
)
def test_a_latency_is_read(tmp_path: Path, value: int, unit: str, after: timedelta) -> None:
    sla = [{"property": "frequency", "value": 1, "unit": "d"}, {"property": "latency", "value": value, "unit": unit}]
    assert read(tmp_path, sla=sla).latency == Latency(after)
    sla[1]["element"] = "things.seen_at"
    assert read(tmp_path, sla=sla).latency == Latency(after, "seen_at")


def test_without_a_latency_none_is_promised(tmp_path: Path) -> None:
    assert read(tmp_path).latency is None


@pytest.mark.parametrize(
    ("sla", "told"),
    [
        (
            {"value": 1, "unit": "fortnight"},
            "things.yaml:20: a latency is a number of d (days) or h (hours), not 1 fort",
        ),
        ({"value": 1}, "a latency is a number of d (days) or h (hours), not 1 None"),
        ({"value": -1, "unit": "d"}, "not -1 d"),
        ({"value": 1, "unit": "d", "element": "things.moon"}, "latency of 'things.moon', which is no column of clean."),
        (
            {"value": 1, "unit": "d", "element": "moon.seen_at"},
            "latency of 'moon.seen_at', which is no column of clean",
        ),
    ],
)
def test_a_latency_that_means_nothing_is_refused(tmp_path: Path, sla: dict[str, Any], told: str) -> None:
    with pytest.raises(ContractError) as refused:
        read(tmp_path, sla=[{"property": "latency", **sla}])
    assert told in str(refused.value)


def test_the_house_promises_a_latency_for_every_delivered_table_but_the_gazetteer() -> None:
    clean = Registry.read().layer("clean")
    assert {c.table.name for c in clean if not (c.latency and c.latency.column)} == {"postal_codes"}
