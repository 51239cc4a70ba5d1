"""The calendar against Python's own, over thirty years, and each source that stretches it."""

from __future__ import annotations

from calendar import day_name, month_name, monthrange
from datetime import date, timedelta

from case_warehouse import CaseWarehouse, graph, registry

from contracts.ids import TableId

CALENDAR = TableId.parse("core.dim_date")
SOURCES = {
    "clean.orders": "order_date",
    "clean.payments": "payment_date",
    "clean.refunds": "refund_date",
    "clean.inventory_movements": "movement_date",
    "clean.web_events": "event_date",
}


def calendar(days: dict[str, list[date]], *columns: str) -> list[tuple[object, ...]]:
    warehouse = CaseWarehouse(graph().upstream(CALENDAR))
    for source, dates in days.items():
        table = TableId.parse(source)
        warehouse.insert(source, registry()[table], [{SOURCES[source]: day} for day in dates])
    return sorted(warehouse.select(CALENDAR, columns))


def by_python(day: date) -> dict[str, object]:
    iso_year, iso_week, weekday = day.isocalendar()
    first = day.replace(day=1)
    # The fiscal year begins in April: its months are those of a calendar that is three months late.
    fiscal_month = (day.month - 4) % 12 + 1
    return {
        "calendar_date": day,
        "calendar_year": day.year,
        "calendar_quarter": (day.month + 2) // 3,
        "calendar_month": day.month,
        "month_name": month_name[day.month],
        "month_date": first,
        "day_of_month": day.day,
        "day_of_year": day.timetuple().tm_yday,
        "iso_year": iso_year,
        "iso_week": iso_week,
        "iso_weekday": weekday,
        "weekday_name": day_name[weekday - 1],
        "is_weekend": weekday > 5,
        "fiscal_year": day.year + (day.month > 3),
        "fiscal_quarter": (fiscal_month + 2) // 3,
        "fiscal_month": fiscal_month,
        "is_month_end": day.day == monthrange(day.year, day.month)[1],
    }


def test_thirty_years_of_days_are_those_of_python() -> None:
    first, last = date(1999, 12, 1), date(2030, 2, 28)
    expected = [by_python(first + timedelta(days=n)) for n in range((last - first).days + 1)]
    assert set(expected[0]) == set(registry()[CALENDAR].names)
    found = calendar({"clean.orders": [date(1999, 12, 31), date(2030, 2, 1)]}, *expected[0])
    assert found == [tuple(day.values()) for day in expected]


def test_the_first_and_the_last_day_of_each_source_stretch_the_calendar() -> None:
    early, middle, late = date(2026, 1, 31), date(2026, 2, 10), date(2026, 3, 1)
    for source in SOURCES:
        days = {**{other: [middle] for other in SOURCES}, source: [early, middle, late]}
        found = [day for (day,) in calendar(days, "calendar_date")]
        assert (found[0], found[-1], len(found)) == (date(2026, 1, 1), date(2026, 3, 31), 90), source
