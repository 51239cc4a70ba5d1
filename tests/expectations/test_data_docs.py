"""Data Docs: what each stored audit found, rendered once, without a network, and the last audits that failed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from expectation_samples import REFERENCES, bad_orders, orders

from contracts.model import Contract
from expectations.audits import FAILED_KEPT, instant_of, kept, names_of, page_parts

ORDERS = "clean.orders.lake"


def rendered(gate: Any) -> dict[str, str]:
    from expectations.data_docs import render

    names = render(gate.directory)
    pages = {path.stem: path.read_text() for path in (gate.directory / "pages").glob("*.html")}
    assert pages.keys() == names
    return pages


def check(gate: Any, contract: Contract, frame: Any, run_id: str) -> None:
    gate.check_frame(contract, frame, references=REFERENCES, run_id=run_id, batch_id="b1")


def test_a_page_loads_nothing_and_shows_no_personal_value(gate: Any, orders_contract: Contract) -> None:
    check(gate, orders_contract, bad_orders(), "run-1")
    page = rendered(gate)[ORDERS]
    assert re.findall(r"""(?:src|href)=["'](?!#)[^"']*""", page) == []
    assert "http" not in page
    assert "<script" not in page
    assert "email has the form @" in page
    assert "***dy" in page
    assert "nobody" not in page


def test_what_was_rendered_is_not_rendered_again(gate: Any, orders_contract: Contract, monkeypatch: Any) -> None:
    import expectations.data_docs

    calls: list[bytes] = []
    render = expectations.data_docs._rendered
    monkeypatch.setattr(expectations.data_docs, "_rendered", lambda result: (calls.append(result), render(result))[1])
    check(gate, orders_contract, bad_orders(), "run-1")
    first = rendered(gate)
    # The latest audit failed: its page, and the one that stays when the next comes, are rendered once.
    assert (len(first), len(calls)) == (2, 1)
    assert rendered(gate) == first
    assert len(calls) == 1
    check(gate, orders_contract, orders(), "run-2")
    later = rendered(gate)
    assert (later.keys(), len(calls)) == (first.keys(), 2)
    assert "run-2" in later[ORDERS]
    assert {name for name in first if first[name] == later[name]} == first.keys() - {ORDERS}


def test_of_audits_that_failed_the_last_are_kept_and_named_by_run_and_batch(
    gate: Any, orders_contract: Contract
) -> None:
    runs = [f"run{n}" for n in range(FAILED_KEPT + 2)]
    for run in runs:
        check(gate, orders_contract, bad_orders(), run)
    audits = sorted(page_parts(name)[2] for name in rendered(gate) if name != ORDERS)
    assert [[run for run in runs if names_of(run, "b1", audit)] for audit in audits] == [
        [run] for run in runs[-FAILED_KEPT:]
    ]
    assert not names_of(runs[-1], "b2", audits[-1])
    assert all(instant_of(audit) for audit in audits)
    assert instant_of("") is None


def test_a_page_without_a_result_goes_away(gate: Any, orders_contract: Contract) -> None:
    check(gate, orders_contract, orders(), "run-1")
    (gate.directory / "pages").mkdir()
    (gate.directory / "pages" / "clean.gone.lake.html").write_text("old")
    assert rendered(gate).keys() == {ORDERS}


def test_names_alone_say_which_pages_stay() -> None:
    failed = [f"raw.orders.lake.2026010{day}T000000000000-run-batch" for day in range(1, FAILED_KEPT + 3)]
    other = ["raw.orders.lake", "clean.orders.lake.20260101T000000000000-run-batch"]
    assert kept([*failed, *other]) == {*failed[-FAILED_KEPT:], *other}


def test_docs_of_the_site_link_to_tables_and_quality_where_these_are(
    gate: Any, orders_contract: Contract, tmp_path: Path
) -> None:
    from tasks.site import docs_pages

    check(gate, orders_contract, bad_orders(), "run-1")
    failed = next(name for name in rendered(gate) if name != ORDERS)
    site = tmp_path / "site"
    known = ["index.html", "quality/index.html", "tables/clean.orders.html", "quality/clean.orders.html"]
    index = docs_pages.write(gate.directory, site, known)
    text, page = index.read_text(), (site / "data_docs" / f"{ORDERS}.html").read_text()
    for path in (f"data_docs/{ORDERS}.html", f"data_docs/{failed}.html", "quality/index.html"):
        assert f'href="../{path}"' in text
    assert "conformity" in text
    assert 'href="../tables/clean.orders.html"' in page
    assert 'href="../quality/clean.orders.html"' in page
    check(gate, orders_contract, orders(), "run-2")
    rendered(gate)
    (site / "data_docs" / "clean.gone.lake.html").write_text("old")
    text = docs_pages.write(gate.directory, site, []).read_text()
    assert "../quality/" not in text
    assert f'href="../data_docs/{failed}.html"' in text
    assert "held" in text
    assert not (site / "data_docs" / "clean.gone.lake.html").exists()
