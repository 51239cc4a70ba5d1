"""Control totals: what a file brings in rows and money is accounted for, day by day, into the table and out of it."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hand_made import DAY, SHARED_COLUMNS, contract
from house_of_things import House
from hypothesis import given, settings
from hypothesis import strategies as st
from small_shop import Shop, load_day, query

from sql.reconcile import read_checks
from tasks import control
from tasks.batches import read_inbox
from tasks.reconcile import compare
from tasks.report import RunReport
from tasks.settings import Settings
from tasks.warehouse import open_warehouse
from tasks.workspace import Workspace

HEADER = "thing_id,colour,sold_at,currency,amount,changed_at\n"
AT = "2026-01-05T20:00:00Z"
NOWHERE = (date(1900, 1, 1), "XXX")


class Till(House):
    """A house whose things were sold for money."""

    def allow(self, colours: tuple[str, ...] = ("red",), smallest: int = 0, *more: Any, quality: Any = None) -> None:
        instant, number = {"logicalType": "timestamp"}, {"name": "amount", "logicalType": "number"}
        raw = [
            "thing_id",
            "colour",
            {"name": "sold_at", **instant},
            "currency",
            number,
            {"name": "changed_at", **instant},
        ]
        contract(self.root, "raw.things", raw, delivery={"file": "things.csv", "format": "csv"})
        enum = [{"value": c, "description": c} for c in colours]
        columns = [
            {"name": "thing_id", "key": 1, "required": True},
            {"name": "colour", "enum": enum},
            {"name": "sold_at", "type": "timestamp", "required": True},
            {"name": "sold_date", "type": "date", "businessDateOf": "sold_at", "required": True},
            {"name": "currency_code", "type": "varchar(3)", "source": "currency", "required": True},
            {
                "name": "amount",
                "type": "decimal(6,2)",
                "required": True,
                "logicalTypeOptions": {"minimum": smallest},
            },
            {"name": "changed_at", "type": "timestamp", "required": True},
            *SHARED_COLUMNS,
        ]
        contract(
            self.root,
            "clean.things",
            columns,
            load={"strategy": "upsert", "versionedBy": "changed_at"},
            control_totals={"date": "sold_date", "currency": "currency_code", "amounts": ["amount"]},
        )

    def load(self, number: int, *lines: str) -> RunReport:
        """The report of a day whose file has these lines."""
        self.deliver(number, *lines, header=HEADER)
        space = self.open()
        try:
            return load_day(space, DAY + timedelta(days=number))
        finally:
            space.close()

    def totals(self) -> dict[tuple[int, str], Counter[tuple[date, str, Decimal]]]:
        """Rows by (attempt, disposition), then by day, currency and sum."""
        found: dict[tuple[int, str], Counter[tuple[date, str, Decimal]]] = {}
        names = ("attempt", "disposition", "business_date", "currency_code", "amount", "row_count")
        for attempt, disposition, *place, count in self.rows(control.TABLE, *names):
            found.setdefault((attempt, disposition), Counter())[tuple(place)] += count
        return found

    def off(self) -> list[str]:
        """Checks that do not balance."""
        space = self.open()
        try:
            checks = read_checks(self.root, space.registry)
            assert [check.name for check in checks] == ["source_things_amount"]
            return [
                str(row) for check in checks for row in compare(space.warehouse, check, space.registry).keys.iter_rows()
            ]
        finally:
            space.close()


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def test_a_file_is_accounted_for_per_day_and_currency(till: Till) -> None:
    report = till.load(
        0,
        f"a,red,{AT},INR,1.50,{AT}",
        f"b,red,{AT},EUR,2,{AT}",
        f"a,red,{AT},INR,1.50,{AT}",
        f"c,blue,2026-01-04T10:00:00Z,INR,7,{AT}",
        f"d,red,soon,INR,4,{AT}",
        f"e,red,{AT},INR,much,{AT}",
        f"f,red,{AT},rupees,3,{AT}",
        "broken",
    )
    assert report.failures == []
    day = date(2026, 1, 6)
    unread = {(*NOWHERE, Decimal(7)): 4}
    assert till.totals() == {
        (1, "delivered"): {
            (day, "INR", Decimal("3.00")): 2,
            (day, "EUR", Decimal(2)): 1,
            (date(2026, 1, 4), "INR", Decimal(7)): 1,
            **unread,
        },
        (1, "loaded"): {(day, "INR", Decimal("1.50")): 1, (day, "EUR", Decimal(2)): 1},
        (1, "duplicate"): {(day, "INR", Decimal("1.50")): 1},
        (1, "quarantined"): {(date(2026, 1, 4), "INR", Decimal(7)): 1, **unread},
    }
    assert till.off() == []


def test_what_a_later_file_replaces_is_taken_off_the_batch_that_loaded_it(till: Till) -> None:
    till.load(0, f"a,red,{AT},INR,1.50,{AT}", f"b,red,{AT},INR,1,{AT}")
    later = "2026-01-06T20:00:00Z"
    till.load(1, f"a,red,{later},INR,9,{later}", f"b,red,{AT},INR,1,{AT}")
    day = date(2026, 1, 6)
    assert till.totals()[1, "replaced"] == {(day, "INR", Decimal("1.50")): 1}
    assert till.totals()[1, "duplicate"] == {(day, "INR", Decimal(1)): 1}
    names = ("batch_id", "cause_batch_id", "delivery_date")
    ((batch, cause, delivery),) = till.rows(control.TABLE, *names, where="disposition = 'replaced'")
    assert (batch != cause, delivery) == (True, DAY)
    assert till.off() == []
    with open_warehouse(Settings(home=till.home)) as warehouse:
        warehouse.execute("UPDATE clean.things SET amount = 8.99 WHERE thing_id = 'a'")
    (told,) = till.off()
    assert cause in told
    assert "Decimal('9.00'), Decimal('8.99')" in told


def test_a_re_drive_and_a_discard_account_for_what_they_take_out(till: Till) -> None:
    till.load(0, f"a,red,{AT},INR,1,{AT}", f"b,blue,{AT},INR,2,{AT}", f"c,green,{AT},INR,4,{AT}", "broken")
    till.allow(("red", "blue"))
    till.redrive()
    day = date(2026, 1, 6)
    assert till.totals()[2, "delivered"] == {(day, "INR", Decimal(6)): 2, (*NOWHERE, Decimal(0)): 1}
    assert till.totals()[2, "loaded"] == {(day, "INR", Decimal(2)): 1}
    assert till.totals()[2, "quarantined"] == {(day, "INR", Decimal(4)): 1, (*NOWHERE, Decimal(0)): 1}
    till.discard()
    assert till.totals()[3, "delivered"] == till.totals()[3, "discarded"] == till.totals()[2, "quarantined"]
    assert till.off() == []


# Whatever comes

LINE = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(["red", "blue"]),
    st.sampled_from([AT, "2026-01-05T03:00:00Z", "soon", ""]),
    st.sampled_from(["INR", "EUR", "rupees", ""]),
    st.sampled_from(["1.50", "2", "-3", "much", "1.234", "123456", ""]),
    st.sampled_from([AT, "2026-01-07T20:00:00Z"]),
).map(",".join)
FILES = st.lists(st.lists(LINE | st.just("broken"), min_size=1, max_size=6), min_size=1, max_size=3)


def by_hand(lines: Iterable[str]) -> Counter[tuple[date, str]]:
    """Delivered rows per day and currency, read by plain Python."""
    found: Counter[tuple[date, str]] = Counter()
    for line in lines:
        fields = line.split(",")
        try:
            at = datetime.strptime(fields[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
            amount = Decimal(fields[4])
        except (IndexError, ValueError, InvalidOperation):
            found[NOWHERE] += 1
            continue
        fits = amount == amount.quantize(Decimal("0.01")) and abs(amount) < 10_000 and len(fields[3]) == 3
        found[(at.astimezone(ZoneInfo("Asia/Kolkata")).date(), fields[3]) if fits else NOWHERE] += 1
    return found


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from expectations.gate import Gate

    space = Till(tmp_path_factory.mktemp("till")).open()
    return Gate(space.registry, space.settings.home / "gx")


@settings(max_examples=25)
@given(FILES)
def test_every_file_balances_in_rows_and_money_and_the_table_holds_what_was_loaded(gate: Any, files: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        till = Till(Path(folder))
        for number, lines in enumerate(files):
            till.deliver(number, *lines, header=HEADER)
        space = till.open()
        space.gate = gate
        try:
            for number, lines in enumerate(files):
                report = load_day(space, DAY + timedelta(days=number))
                assert report.failures == []
                _holds(space, DAY + timedelta(days=number), lines)
            (check,) = read_checks(till.root, space.registry)
            compared = compare(space.warehouse, check, space.registry)
            assert compared.off.is_empty()
            standing = space.warehouse.scalar("SELECT COALESCE(SUM(amount), 0) AS amount FROM clean.things")
            assert (compared.days["actual_amount"].sum() or 0) == standing
        finally:
            space.close()


def _holds(space: Workspace, day: date, lines: list[str]) -> None:
    parts = "SUM(CASE WHEN disposition = 'delivered' THEN {0} ELSE 0 END) = SUM(CASE WHEN disposition IN " + (
        "('loaded', 'duplicate', 'quarantined') THEN {0} ELSE 0 END)"
    )
    own = "FROM audit.control_total WHERE batch_id = cause_batch_id AND delivery_date = :day"
    per = "business_date, currency_code"
    held = space.warehouse.query(
        f"SELECT {per}, {parts.format('row_count')} AS has_rows, {parts.format('amount')} AS has_amounts "
        f"{own} GROUP BY {per}",
        day=day,
    )
    assert held["has_rows"].all()
    assert held["has_amounts"].all()
    delivered = f"SELECT {per}, row_count {own} AND disposition = 'delivered'"
    found = {(row[0], row[1]): row[2] for row in space.warehouse.query(delivered, day=day).iter_rows()}
    assert found == by_hand(lines)


def test_rows_that_do_not_reach_the_warehouse_as_they_were_read_stop_the_file(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = control.of_relation

    def spoilt(warehouse: Any, *arguments: Any) -> Any:
        warehouse.execute("UPDATE stage.clean__things SET amount = amount + 0.01 WHERE thing_id = 'a'")
        return honest(warehouse, *arguments)

    monkeypatch.setattr(control, "of_relation", spoilt)
    (told,) = till.load(0, f"a,red,{AT},INR,1,{AT}").failures
    assert "clean.things, file things.csv: of 2026-01-06 INR 0 rows and -0.010000 amount were accepted" in told
    assert till.rows("clean.things", "thing_id", "colour") == []
    assert till.rows(control.TABLE, "batch_id", "measure") == []


def test_the_shop_balances_in_rows_and_money_with_all_its_defects(shop: Shop) -> None:
    own = "FROM audit.control_total WHERE batch_id = cause_batch_id"
    found = query(
        shop.home,
        "SELECT SUM(CASE disposition WHEN 'delivered' THEN row_count ELSE -row_count END)::INT AS row_count, "
        f"SUM(CASE disposition WHEN 'delivered' THEN amount ELSE -amount END) AS amount {own} AND "
        "disposition <> 'replaced' GROUP BY batch_id, business_date, currency_code, measure",
    )
    assert found.height > 50
    assert set(found["row_count"]) == {0}
    assert set(found["amount"]) == {0}
    rows = query(
        shop.home,
        "SELECT t.batch_id, ANY_VALUE(delivered_rows) AS ledger, SUM(row_count)::INT AS totals FROM "
        f"(SELECT batch_id, measure, row_count {own} AND disposition = 'delivered') t JOIN audit.load_ledger USING "
        "(batch_id) GROUP BY t.batch_id, measure",
    )
    assert rows.height > 10
    assert (rows["ledger"] == rows["totals"]).all()


# What the source says itself


def declare(till: Till, body: Any) -> None:
    folder = till.home / "inbox" / DAY.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "things.control.json").write_text(body if isinstance(body, str) else json.dumps(body))


def test_a_control_file_that_agrees_says_nothing(till: Till) -> None:
    declare(till, {"rows": 3, "amounts": {"INR": {"amount": 5.5}, "EUR": {"amount": "2.00"}}})
    report = till.load(0, f"a,red,{AT},INR,1.5,{AT}", f"b,red,{AT},EUR,2,{AT}", f"c,blue,{AT},INR,4,{AT}")
    assert (report.failures, report.warnings) == ([], [])


def test_a_control_file_that_says_otherwise_fails_the_run_and_what_came_is_loaded(till: Till) -> None:
    declare(till, {"rows": 4, "amounts": {"INR": {"amount": "9.99"}, "USD": {"amount": 1}}})
    report = till.load(0, f"a,red,{AT},INR,1.5,{AT}")
    label = f"{DAY}/things.csv"
    assert report.failures == [
        f"{label}: 4 rows were declared, 1 came (things.control.json); what came was loaded",
        f"{label}: 9.99 INR of amount were declared, 1.5 came (things.control.json); what came was loaded",
        f"{label}: 1 USD of amount were declared, 0 came (things.control.json); what came was loaded",
    ]
    assert till.rows("clean.things", "thing_id", "colour") == [("a", "red")]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{", "cannot read it"),
        ({"amounts": {}}, "cannot read it: 'rows'"),
        ([], "cannot read it"),
        ({"rows": 1, "amounts": {"INR": {"amount": "much"}}}, "cannot read it"),
        ({"rows": 1, "amounts": {"INR": {"weight": 1}}}, "weight is no control total of contracts/clean/things.yaml"),
    ],
)
def test_a_control_file_that_cannot_be_understood_rejects_its_file(till: Till, body: Any, told: str) -> None:
    declare(till, body)
    (failure,) = till.load(0, f"a,red,{AT},INR,1.5,{AT}").failures
    assert failure.startswith(f"{DAY}/things.csv: rejected. things.control.json: ")
    assert told in failure


def test_a_control_file_is_no_delivery(till: Till) -> None:
    till.deliver(0, f"a,red,{AT},INR,1.5,{AT}", header=HEADER)
    declare(till, {"rows": 1})
    folder = till.home / "inbox" / DAY.isoformat()
    (folder / "other.control.json").write_text("{}")
    inbox = read_inbox(till.open().deliveries, DAY, till.open().registry.layer("raw"))
    assert [b.path.name for b in inbox.batches] == ["things.csv"]
    assert [p.name for p in inbox.unexpected] == ["other.control.json"]
