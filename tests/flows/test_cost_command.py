"""`dw cost`, as people use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Dw, words
from small_shop import Shop


@pytest.fixture(autouse=True)
def _nothing_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(tmp_path / "home"))


def test_every_environment_is_told_with_what_weighs_and_what_is_not_certain(dw: Dw) -> None:
    said = dw("cost")
    assert said.code == 0
    for name in ("dev", "staging", "prod"):
        assert f"{name}: " in said.out
    assert "is 6" in said.out
    assert "could not be confirmed for ap-south-1" in words(said.out)
    assert "there is no local warehouse to measure" in said.out


def test_one_environment_is_told_item_by_item_and_grows_with_its_rows(dw: Dw) -> None:
    def usd(*more: str) -> float:
        body = json.loads(dw("cost", "--environment", "prod", "--json", *more).out)
        (name,) = body["environments"]
        assert name == "prod"
        found = body["environments"]["prod"]
        assert found["usd"] == pytest.approx(sum(line["usd"] for line in found["lines"]))
        assert {line["price"] for line in found["lines"]} <= body["prices"].keys()
        return float(found["usd"])

    assert usd("--rows-per-day", "1000000") < usd() < usd("--rows-per-day", "50000000")
    assert usd("--bytes-per-day", "50000000000") > usd()
    said = words(dw("cost", "--environment", "prod").out)
    assert "nodes 1,460.00 node-hour ~" in said
    assert "interface endpoints" in said


def test_sizes_are_those_of_the_local_warehouse(dw: Dw, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DW_HOME", str(shop.home))
    assert f"Bytes per row are those of {shop.home}" in dw("cost", "--environment", "dev").out


def test_an_unknown_environment_is_told(dw: Dw) -> None:
    said = dw("cost", "--environment", "test")
    assert said.code == 2
    assert "no environment is called 'test'; there are dev, prod, staging" in said.err
