"""One file to its clean rows: every delivered row is accepted, a duplicate, or in quarantine with its reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hand_made import DAY, SHARED_COLUMNS, contract, deliver
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.model import Contract
from contracts.registry import Registry
from expectations.verdicts import GateBlocked
from tasks.batches import Batch
from tasks.clean import Cleaned, clean_batch
from tasks.lake import FolderLake
from tasks.reading import UnreadableFile

HEADER = "id,amount,sold_at,status\n"
NAMES = ("id", "amount", "sold_at", "status")
RAW = (
    {"name": "id", "required": True},
    {"name": "amount", "logicalType": "number", "required": True},
    {"name": "sold_at", "logicalType": "timestamp"},
    {"name": "status"},
)
CLEAN = (
    {"name": "id", "key": 1, "normalise": ["trim"]},
    {"name": "amount", "type": "decimal(6,2)", "required": True, "logicalTypeOptions": {"minimum": 0}},
    {"name": "sold_at", "type": "timestamp"},
    {"name": "sold_date", "type": "date", "businessDateOf": "sold_at"},
    {
        "name": "status",
        "normalise": ["trim", "lower"],
        "enum": [{"value": "open", "description": "Not yet paid"}, {"value": "paid", "description": "Paid"}],
    },
    *SHARED_COLUMNS,
)


@dataclass
class Place:
    """A lake, a gate, and the contracts that both go by."""

    folder: Path
    raw: Contract
    clean: Contract
    gate: Any

    @property
    def lake(self) -> FolderLake:
        return FolderLake(self.folder / "lake")

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    def take(self, content: bytes | str, run_id: str = "run-1") -> Cleaned:
        return self.take_batch(deliver(self.inbox, self.raw, content), run_id)

    def take_batch(self, batch: Batch, run_id: str = "run-1") -> Cleaned:
        return clean_batch(
            batch,
            self.clean,
            lake=self.lake,
            gate=self.gate,
            scratch=self.folder / "scratch",
            timezone="Asia/Kolkata",
            run_id=run_id,
        )


def a_place(folder: Path, *, raw_quality: Any = None, clean_quality: Any = None, **delivery: Any) -> Place:
    from expectations.gate import Gate

    wanted = {"file": "things.csv", "format": "csv", **delivery}
    raw = contract(folder, "raw.things", RAW, delivery=wanted, quality=raw_quality)
    load = {"strategy": "upsert", "versionedBy": "sold_at"}
    clean = contract(folder, "clean.things", CLEAN, load=load, quality=clean_quality)
    return Place(folder, raw, clean, Gate(Registry({c.table: c for c in (raw, clean)}), folder / "gx"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_place(tmp_path)


def rows(cleaned: Cleaned, *columns: str) -> list[tuple[Any, ...]]:
    return cleaned.clean_file.scan().collect().sort("source_line").select(columns).rows()


def aside(cleaned: Cleaned) -> dict[int, tuple[list[str], str]]:
    """Line to rule ids (without the table) and payload of every row in the quarantine file."""
    if cleaned.quarantine_file is None:
        return {}
    found = cleaned.quarantine_file.scan().collect()
    assert set(found.get_column("batch_id")) == {cleaned.batch.batch_id}
    return {line: (rules, text) for line, rules, text in found.select("source_line", "rule_ids", "payload").iter_rows()}


def observed(cleaned: Cleaned) -> dict[int, list[str]]:
    """Line to the values that broke its rules, one text per rule."""
    assert cleaned.quarantine_file is not None
    found = cleaned.quarantine_file.scan().collect()
    assert (found.get_column("rule_ids").list.len() == found.get_column("observed").list.len()).all()
    return dict(found.select("source_line", "observed").iter_rows())


def balance(cleaned: Cleaned) -> tuple[int, int, int, int]:
    """Delivered, accepted, duplicate, quarantined; and the files hold as many rows as they say."""
    assert cleaned.delivered == cleaned.accepted + cleaned.duplicate + cleaned.quarantined
    assert cleaned.clean_file.scan().collect().height == cleaned.accepted
    assert len(aside(cleaned)) == cleaned.quarantined
    return cleaned.delivered, cleaned.accepted, cleaned.duplicate, cleaned.quarantined


def test_good_rows_are_typed_and_stand_in_the_lake(place: Place) -> None:
    cleaned = place.take(HEADER + " a ,1.5,2026-01-05T20:00:00Z, PAID\nb,2,,\n")
    assert balance(cleaned) == (2, 2, 0, 0)
    assert rows(
        cleaned, "id", "amount", "sold_at", "sold_date", "status", "delivery_date", "batch_id", "source_line"
    ) == [
        ("a", Decimal("1.50"), datetime(2026, 1, 5, 20), date(2026, 1, 6), "paid", DAY, cleaned.batch.batch_id, 2),
        ("b", Decimal("2.00"), None, None, None, DAY, cleaned.batch.batch_id, 3),
    ]
    assert cleaned.quarantine_file is None
    assert cleaned.broken_rules == {}


def test_the_file_is_kept_as_it_came(place: Place) -> None:
    cleaned = place.take(HEADER + "a,1,,\n")
    (kept,) = (place.lake.root / "raw").rglob("*.csv")
    assert kept.read_text() == HEADER + "a,1,,\n"
    assert kept.parts[-3:] == (f"delivery_date={DAY}", cleaned.batch.batch_id, "things.csv")


@pytest.mark.parametrize("small", [1 << 20, 0], ids=["held in memory", "held on disk"])
def test_each_row_that_breaks_a_rule_is_set_aside_with_what_was_delivered(
    place: Place, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.clean._SMALL", small)
    cleaned = place.take(
        HEADER
        + "ok,1,,open\n"
        + ",1,,open\n"  # no id
        + "c,call us,,open\n"  # no number
        + "d,12345.00,,open\n"  # too large for decimal(6,2)
        + "e,0.001,,open\n"  # a decimal too many
        + "f,-1,,open\n"  # below the minimum
        + "g,1,,lost\n"  # no known status
        + "h,1,soon,open\n"  # no instant
        + "i,1\n"  # too few fields
        + "ok2,2,,paid\n"
    )
    assert balance(cleaned) == (10, 2, 0, 8)
    found = aside(cleaned)
    assert {line: rules for line, (rules, _) in found.items()} == {
        3: ["raw.things.id.not_null"],
        4: ["raw.things.amount.parses_as"],
        5: ["clean.things.amount.types"],
        6: ["clean.things.amount.types"],
        7: ["clean.things.amount.between"],
        8: ["clean.things.status.in_set"],
        9: ["raw.things.sold_at.parses_as"],
        10: ["raw.things.malformed"],
    }
    assert json.loads(found[5][1]) == {"id": "d", "amount": "12345.00", "sold_at": "", "status": "open"}
    assert found[10][1] == "i,1"
    assert observed(cleaned) == {
        3: ["id="],
        4: ["amount=call us"],
        5: ["amount=12345.00"],
        6: ["amount=0.001"],
        7: ["amount=-1"],
        8: ["status=lost"],
        9: ["sold_at=soon"],
        10: ["2 fields where the header has 4"],
    }
    assert cleaned.broken_rules == {
        rule: sum(rule in r for r, _ in found.values()) for r, _ in found.values() for rule in r
    }
    assert rows(cleaned, "id", "source_line") == [("ok", 2), ("ok2", 11)]


def test_a_row_that_breaks_several_rules_is_one_row_with_all_of_them(place: Place) -> None:
    cleaned = place.take(HEADER + ",call us,,open\nb,-1,,lost\n")
    assert balance(cleaned) == (2, 0, 0, 2)
    assert [rules for rules, _ in aside(cleaned).values()] == [
        ["raw.things.id.not_null", "raw.things.amount.parses_as"],
        ["clean.things.amount.between", "clean.things.status.in_set"],
    ]
    assert list(observed(cleaned).values()) == [["id=", "amount=call us"], ["amount=-1", "status=lost"]]
    assert cleaned.broken_rules["clean.things.status.in_set"] == 1


def test_of_rows_with_one_key_the_latest_stays_and_the_others_are_counted(place: Place) -> None:
    cleaned = place.take(
        HEADER
        + "a,1,2026-01-05T09:00:00Z,open\n"
        + "a,1,2026-01-05T11:00:00Z,paid\n"
        + "a,1,2026-01-05T10:00:00Z,open\n"
        + "b,2,2026-01-05T09:00:00Z,open\n"
        + "b,2.00,2026-01-05T14:30:00+05:30,OPEN\n"
    )
    assert balance(cleaned) == (5, 2, 3, 0)
    assert rows(cleaned, "id", "status", "source_line") == [("a", "paid", 3), ("b", "open", 5)]


def test_a_row_in_quarantine_is_no_duplicate_of_a_good_one(place: Place) -> None:
    cleaned = place.take(
        HEADER + "a,-1,2026-01-05T11:00:00Z,open\na,1,2026-01-05T09:00:00Z,open\na,1,2026-01-05T09:00:00Z,open\n"
    )
    assert balance(cleaned) == (3, 1, 1, 1)
    assert rows(cleaned, "source_line") == [(3,)]


@pytest.mark.parametrize(
    ("content", "delivered", "quarantined"),
    [("", 0, 0), ("a,-1,,\nb,-2,,\n", 2, 2), ("a\nb,1\n", 2, 2), ("a\n,,,\n", 2, 2)],
    ids=["only a header", "all below the minimum", "all malformed", "malformed and empty"],
)
def test_a_file_without_a_good_row_still_balances(place: Place, content: str, delivered: int, quarantined: int) -> None:
    cleaned = place.take(HEADER + content)
    assert balance(cleaned) == (delivered, 0, 0, quarantined)
    assert cleaned.clean_file.scan().collect().columns == list(place.clean.names)


def test_columns_that_the_contract_does_not_have_are_told(place: Place) -> None:
    cleaned = place.take("id,amount,sold_at,status,colour\na,1,,,red\n")
    assert cleaned.ignored_columns == ("colour",)
    assert balance(cleaned) == (1, 1, 0, 0)


def test_json_lines_go_the_same_way(tmp_path: Path) -> None:
    place = a_place(tmp_path, file="things.jsonl.gz", format="jsonl", compression="gzip")
    lines = ['{"id":"a","amount":1.5,"status":"Open"}', "{broken", '{"id":null,"amount":1}', '{"id":"b","amount":"2"}']
    cleaned = place.take("\n".join(lines))
    assert balance(cleaned) == (4, 2, 0, 2)
    assert {line: rules for line, (rules, _) in aside(cleaned).items()} == {
        2: ["raw.things.malformed"],
        3: ["raw.things.id.not_null"],
    }
    assert rows(cleaned, "id", "amount", "source_line") == [("a", Decimal("1.50"), 1), ("b", Decimal("2.00"), 4)]


def test_the_same_batch_twice_leaves_the_same_files(place: Place) -> None:
    content = HEADER + "a,1,,open\nb,-1,,open\n"

    def written() -> dict[str, bytes]:
        files = (p for p in place.lake.root.rglob("*") if p.is_file() and "quarantine" not in p.parts)
        return {p.relative_to(place.lake.root).as_posix(): p.read_bytes() for p in files}

    first = place.take(content)
    before, set_aside = written(), aside(first)
    second = place.take(content, run_id="run-2")
    assert written() == before
    assert aside(second) == set_aside
    assert balance(second) == balance(first)


def test_rows_that_were_in_quarantine_before_a_fix_are_no_longer(tmp_path: Path) -> None:
    place = a_place(tmp_path)
    batch = deliver(place.inbox, place.raw, HEADER + "a,12345.00,,open\n")
    assert balance(place.take_batch(batch)) == (1, 0, 0, 1)
    wider = [{**c, "type": "decimal(18,2)"} if c["name"] == "amount" else c for c in CLEAN]
    place.clean = contract(tmp_path, "clean.things", wider, load={"strategy": "upsert", "versionedBy": "sold_at"})
    cleaned = place.take_batch(batch)
    assert balance(cleaned) == (1, 1, 0, 0)
    assert not list((place.lake.root / "quarantine").rglob("*.parquet"))


def test_nothing_is_left_in_scratch_whatever_happens(place: Place) -> None:
    place.take(HEADER + "a,1,,open\n")
    with pytest.raises(UnreadableFile):
        place.take("nothing,known\n1,2\n")
    assert list((place.folder / "scratch").iterdir()) == []


def test_a_file_that_cannot_be_read_is_kept_and_nothing_of_it_is_clean(place: Place) -> None:
    with pytest.raises(UnreadableFile, match=r"things\.csv: column 'amount', 'sold_at' is missing"):
        place.take("id,status\na,open\n")
    assert len(list((place.lake.root / "raw").rglob("things.csv"))) == 1
    assert not (place.lake.root / "clean").exists()


def some(rule: str, share: float) -> dict[str, Any]:
    """A rule of the table that blocks when more rows than the share break it."""
    return {
        "id": rule,
        "metric": "nullValues",
        "arguments": {"properties": ["sold_at"]},
        "mustBeLessOrEqualTo": share,
        "unit": "percent",
        "dimension": "completeness",
        "description": "Most things are sold",
        "customProperties": [{"property": "verdict", "value": "block"}],
    }


@pytest.mark.parametrize("layer", ["raw", "clean"])
def test_a_blocked_gate_stops_the_file_and_says_which_rule_and_how_many_rows(tmp_path: Path, layer: str) -> None:
    place = a_place(tmp_path, **{f"{layer}_quality": [some("mostly_sold", 50)]})
    with pytest.raises(GateBlocked) as caught:
        place.take(HEADER + "a,1,2026-01-05T09:00:00Z,\nb,1,,\nc,1,,\n")
    assert str(caught.value).startswith(f"{layer}.things is blocked: 1 rule failed on 3 rows, batch ")
    assert f"[{layer}.things.mostly_sold, contracts/{layer}/things.yaml:" in str(caught.value)
    assert "2 of 3 break it (66.67%, 50.00% are allowed)" in str(caught.value)
    assert not (place.lake.root / "clean").exists()
    assert list((place.folder / "scratch").iterdir()) == []
    assert balance(place.take(HEADER + "a,1,2026-01-05T09:00:00Z,\nb,1,,\n")) == (2, 2, 0, 0)


def test_both_gates_tell_what_they_found(place: Place) -> None:
    cleaned = place.take(HEADER + "a,1,,open\n,1,,open\nc,-1,,open\n")
    raw_gate, clean_gate = cleaned.gates
    assert (str(raw_gate.table), raw_gate.rows) == ("raw.things", 3)
    assert (str(clean_gate.table), clean_gate.rows) == ("clean.things", 2)
    failed = {r.rule.id: (r.evaluated, r.failed) for g in cleaned.gates for r in g.results if not r.success}
    assert failed == {"raw.things.id.not_null": (3, 1), "clean.things.amount.between": (2, 1)}
    assert {r.rule.id for r in clean_gate.results}.isdisjoint({"clean.things.key.unique"})


@pytest.fixture(scope="module")
def shared_place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return a_place(tmp_path_factory.mktemp("clean"))


RECORD = st.sampled_from(
    [
        "a,1,,open",
        "a,1,2026-01-05T09:00:00Z,open",
        "a,2,,paid",
        "b,1,,",
        "b,-1,,",
        "c,x,,",
        "d",
        ",,,",
        "e,1,,lost",
        "e,1,,,",
    ]
)


@settings(max_examples=15)
@given(records=st.lists(RECORD, max_size=8))
def test_every_file_balances(shared_place: Place, records: list[str]) -> None:
    cleaned = shared_place.take(HEADER + "".join(f"{record}\n" for record in records))
    delivered, *_ = balance(cleaned)
    assert delivered == len(records)
    lines = [line for (line,) in rows(cleaned, "source_line")] + list(aside(cleaned))
    assert len(set(lines)) == len(lines)
    assert set(lines) <= set(range(2, len(records) + 2))
