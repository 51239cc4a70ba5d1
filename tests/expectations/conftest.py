"""Great Expectations takes seconds to import: these fixtures do it once, and only for the tests that ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from expectation_samples import ORDERS, RAW, contract_of

from contracts.model import Contract
from contracts.registry import Registry


@pytest.fixture(scope="session")
def orders_contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return contract_of(ORDERS, tmp_path_factory.mktemp("orders"))


@pytest.fixture(scope="session")
def raw_contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return contract_of(RAW, tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="session")
def gate_module() -> Any:
    import expectations.gate

    return expectations.gate


@pytest.fixture
def gate(gate_module: Any, orders_contract: Contract, raw_contract: Contract, tmp_path: Path) -> Any:
    contracts = {c.table: c for c in (orders_contract, raw_contract)}
    return gate_module.Gate(Registry(contracts), tmp_path / "gx")


@pytest.fixture
def collects(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of frames of each collect that runs."""
    import polars as pl

    calls: list[int] = []
    collect_all: Callable[..., Any] = pl.collect_all

    def counted(frames: Any, **options: Any) -> Any:
        calls.append(len(frames))
        return collect_all(frames, **options)

    monkeypatch.setattr(pl, "collect_all", counted)
    return calls
