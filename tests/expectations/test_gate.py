"""The gate: what it counts, what stops a layer, and what it says then."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from expectation_samples import CUSTOMERS, ORDERS, REFERENCES, Duck, bad_orders, contract_of, orders

from contracts.model import Contract
from expectations.verdicts import GateBlocked, GateResult

IDS = {"run_id": "run-1", "batch_id": "batch-1"}


def by_rule(result: GateResult) -> dict[str, tuple[int, int, bool]]:
    return {r.rule.id.removeprefix("clean.orders."): (r.evaluated, r.failed, r.success) for r in result.results}


def test_good_rows_pass_every_rule(gate: Any, orders_contract: Contract) -> None:
    result = gate.check_frame(orders_contract, orders(), references=REFERENCES, **IDS)
    assert [r.rule.id for r in result.results if not r.success] == []
    assert (result.rows, result.blocking, result.warnings) == (3, (), ())
    result.raise_if_blocked()


def test_a_frame_and_its_copy_in_the_warehouse_get_the_same_result(gate: Any, orders_contract: Contract) -> None:
    frame = bad_orders()
    duck = Duck(stage__clean__orders=frame.collect(), clean__customers=CUSTOMERS.collect())
    lake = gate.check_frame(orders_contract, frame, references=REFERENCES, **IDS)
    warehouse = gate.check_relation(orders_contract, "stage.clean__orders", duck.query, **IDS)
    assert by_rule(lake) == by_rule(warehouse)
    found = by_rule(lake)
    assert found["email.matches"] == (2, 2, False)
    assert found["order_id.unique"] == (3, 2, False)
    assert found["key.unique"] == (3, 2, False)
    assert found["customer_id.foreign_key"] == (2, 1, False)
    assert found["total_covers_tax"] == (2, 1, False)
    assert found["not_itself"] == (2, 1, False)
    assert found["paid_later"] == (2, 1, False)
    assert found["mean_total"] == (1, 1, False)


def test_failed_quarantine_rules_do_not_block_but_a_share_does(gate: Any, orders_contract: Contract) -> None:
    result = gate.check_frame(orders_contract, bad_orders(), references=REFERENCES, **IDS)
    # One of three is paid, and 40 % must be: the only quarantine rule with a share of its own.
    expected = ["clean.orders.key.unique", "clean.orders.mostly_paid", "clean.orders.mean_total"]
    assert sorted(r.rule.id for r in result.blocking) == sorted(expected)
    with pytest.raises(GateBlocked) as blocked:
        result.raise_if_blocked()
    assert blocked.value.result is result


def test_the_message_says_what_where_and_what_instead(gate: Any, orders_contract: Contract) -> None:
    columns = orders(total=[Decimal("900.00"), Decimal("1.00"), Decimal("1.00")]).drop("tax", "paid_at")
    result = gate.check_frame(orders_contract, columns, references=REFERENCES, **IDS)
    with pytest.raises(GateBlocked) as blocked:
        result.raise_if_blocked()
    lines = str(blocked.value).split("\n")
    assert lines[0] == "clean.orders is blocked: 3 rules failed on 3 rows, batch batch-1."
    assert lines[1] == (
        "  - The table has exactly the columns of its contract "
        "[clean.orders.columns, contracts/clean/orders.yaml:1]: found missing: paid_at, tax"
    )
    assert lines[2].startswith("  - sql [clean.orders.net_of_tax, contracts/clean/orders.yaml:")
    assert lines[2].endswith("found no column tax, paid_at")
    assert lines[3].startswith("  - column total: ")


def test_a_blocking_row_rule_shows_masked_samples(gate: Any, tmp_path: Path) -> None:
    contract = contract_of(
        ORDERS.replace("{property: verdict, value: quarantine}", "{property: verdict, value: block}"), tmp_path
    )
    result = gate.check_frame(contract, bad_orders(), references=REFERENCES, **IDS)
    message = str(GateBlocked(result))
    assert "column email: email has the form @" in message
    assert "2 of 2 break it (100.00%); for example ***dy, ***" in message
    assert "nobody" not in message


def test_warnings_are_told_and_do_not_block(gate: Any, tmp_path: Path) -> None:
    text = ORDERS.replace("{property: verdict, value: quarantine}", "{property: verdict, value: warn}")
    result = gate.check_frame(contract_of(text, tmp_path), bad_orders(), references=REFERENCES, **IDS)
    assert {r.rule.id for r in result.warnings} >= {"clean.orders.email.matches", "clean.orders.order_id.unique"}
    assert {r.rule.id for r in result.blocking} == {"clean.orders.key.unique", "clean.orders.mean_total"}


SCORED = ORDERS.replace(
    "      - {property: verdict, value: quarantine}\n",
    """\
      - {property: verdict, value: quarantine}
      - {property: scoreVerdict, value: block}
      - {property: scoreMinimum, value: 1}
      - {property: thresholds, value: {validity: 0.9, consistency: 0.1, uniqueness: 1.0}}
""",
)


def test_a_score_below_its_threshold_blocks_and_says_what_weighs_most(gate: Any, tmp_path: Path) -> None:
    frame = orders(email=["nobody", "no one", "bo@shop.example"])
    result = gate.check_frame(contract_of(SCORED, tmp_path), frame, references=REFERENCES, **IDS)
    # No rule blocks by itself: they quarantine. Of 33 values of validity 3 failed, `mostly_paid` within its share.
    assert result.blocking == ()
    assert [(s.dimension, s.evaluated, s.failed, s.passed) for s in result.scores if s.failed] == [
        ("conformity", 33, 3, True)
    ]
    result.raise_if_blocked()
    strict = SCORED.replace("validity: 0.9", "validity: 0.95")
    result = gate.check_frame(contract_of(strict, tmp_path), frame, references=REFERENCES, **IDS)
    with pytest.raises(GateBlocked) as blocked:
        result.raise_if_blocked()
    assert str(blocked.value).split("\n") == [
        "clean.orders is blocked: 1 score below threshold on 3 rows, batch batch-1.",
        "  - conformity 90.90% is below its threshold of 95.00%: 3 of 33 values failed; most by "
        "clean.orders.email.matches 2, clean.orders.mostly_paid 1",
    ]


def test_a_score_below_its_threshold_is_told_where_the_contract_only_warns(gate: Any, tmp_path: Path) -> None:
    text = SCORED.replace("scoreVerdict, value: block", "scoreVerdict, value: warn").replace("0.9,", "1.0,")
    result = gate.check_frame(contract_of(text, tmp_path), orders(email=["nobody"] * 3), references=REFERENCES, **IDS)
    assert [s.dimension for s in result.scores if not s.passed] == ["conformity"]
    result.raise_if_blocked()


def test_rules_and_scores_that_block_are_told_together(gate: Any, tmp_path: Path) -> None:
    result = gate.check_frame(contract_of(SCORED, tmp_path), bad_orders(), references=REFERENCES, **IDS)
    with pytest.raises(GateBlocked) as blocked:
        result.raise_if_blocked()
    head, *lines = str(blocked.value).split("\n")
    assert head.startswith("clean.orders is blocked: 3 rules failed and 3 scores below threshold on 3 rows")
    assert len(lines) == 6


def test_only_chosen_rules_are_checked(gate: Any, orders_contract: Contract) -> None:
    result = gate.check_frame(orders_contract, bad_orders(), only=lambda r: r.kind == "unique", **IDS)
    assert [r.rule.id for r in result.results] == ["clean.orders.order_id.unique", "clean.orders.key.unique"]


def test_a_check_of_nothing_is_an_error(gate: Any, orders_contract: Contract) -> None:
    with pytest.raises(ValueError, match="no rule is left to check"):
        gate.check_frame(orders_contract, orders(), only=lambda r: False, **IDS)


def test_blank_text_of_a_delivery_is_missing(gate: Any, raw_contract: Contract) -> None:
    frame = pl.LazyFrame(
        {
            "order_id": ["O1", "", "O3"],
            "total": ["1.50", "1,5", " "],
            "ordered_on": ["01/02/2024", "2024-02-01", "31/02/2024"],
        }
    )
    found = {r.rule.id: (r.evaluated, r.failed) for r in gate.check_frame(raw_contract, frame, **IDS).results}
    assert found["raw.orders.order_id.not_null"] == (3, 1)
    assert found["raw.orders.total.parses_as"] == (2, 1)
    assert found["raw.orders.total.between"] == (1, 0)
    assert found["raw.orders.ordered_on.parses_as"] == (3, 2)


def test_an_empty_table_breaks_only_what_is_about_its_size(gate: Any, orders_contract: Contract) -> None:
    empty = orders().head(0)
    duck = Duck(stage__t=empty.collect(), clean__customers=CUSTOMERS.collect())
    for result in (
        gate.check_frame(orders_contract, empty, references=REFERENCES, **IDS),
        gate.check_relation(orders_contract, "stage.t", duck.query, **IDS),
    ):
        assert [r.rule.id for r in result.results if not r.success] == ["clean.orders.volume"]


def test_a_type_that_is_not_the_promised_one_blocks(gate: Any, orders_contract: Contract) -> None:
    frame = orders().with_columns(pl.col("line_no").cast(pl.Int64))
    result = gate.check_frame(orders_contract, frame, references=REFERENCES, **IDS)
    assert {r.rule.id: r.observed for r in result.blocking} == {"clean.orders.types": {"line_no": "Int64, not integer"}}


def test_the_latest_result_of_a_table_is_kept(gate: Any, orders_contract: Contract) -> None:
    for frame in (bad_orders(), orders()):
        gate.check_frame(orders_contract, frame, references=REFERENCES, **IDS)
    [kept] = (gate.directory / "results").rglob("*.json")
    assert kept.name == "orders.lake.json"
    assert json.loads(kept.read_text())["success"] is True


def test_a_blocked_gate_crosses_a_process_border(gate: Any, orders_contract: Contract) -> None:
    result = gate.check_frame(orders_contract, bad_orders(), references=REFERENCES, **IDS)
    again = pickle.loads(pickle.dumps(GateBlocked(result)))
    assert str(again) == str(GateBlocked(result))


def test_tables_can_be_checked_at_the_same_time(gate: Any, orders_contract: Contract, raw_contract: Contract) -> None:
    raw = pl.LazyFrame({"order_id": ["O1"], "total": ["1"], "ordered_on": ["01/02/2024"]})

    def check(number: int) -> list[str]:
        if number % 2:
            result = gate.check_frame(raw_contract, raw, **IDS)
        else:
            result = gate.check_frame(orders_contract, bad_orders(), references=REFERENCES, **IDS)
        return sorted(r.rule.id for r in result.results if not r.success)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(check, range(12)))
    assert found[1::2] == [[]] * 6
    assert all(f == found[0] for f in found[::2])
    assert len(found[0]) > 8
