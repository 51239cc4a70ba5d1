"""Data Docs: pages of the latest results that stand without a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from expectation_samples import REFERENCES, bad_orders, orders

from contracts.model import Contract


def test_each_table_has_a_page_that_loads_nothing_from_elsewhere(
    gate: Any, orders_contract: Contract, tmp_path: Path
) -> None:
    from expectations.data_docs import build_site

    gate.check_frame(orders_contract, bad_orders(), references=REFERENCES, run_id="run-1", batch_id="b")
    site = tmp_path / "site"
    index = build_site(gate.results, site)
    page = (site / "clean.orders.lake.html").read_text()
    for text in (index.read_text(), page):
        assert re.findall(r"""(?:src|href)=["'](?!#|[a-z_.]+\.html)[^"']*""", text) == []
        assert "http" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    assert "email has the form @" in page
    assert "***dy" in page
    assert "nobody" not in page
    assert "clean.orders" in index.read_text()
    assert "conformity" in index.read_text()


def test_a_page_without_a_result_goes_away(gate: Any, orders_contract: Contract, tmp_path: Path) -> None:
    from expectations.data_docs import build_site

    gate.check_frame(orders_contract, orders(), references=REFERENCES, run_id="run-1", batch_id="b")
    site = tmp_path / "site"
    site.mkdir()
    (site / "clean.gone.lake.html").write_text("old")
    build_site(gate.results, site)
    assert sorted(p.name for p in site.iterdir()) == ["clean.orders.lake.html", "index.html"]
