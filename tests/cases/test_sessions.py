"""Sessions that need more events than a case wants to write down."""

from __future__ import annotations

from datetime import datetime, timedelta

from case_warehouse import CaseWarehouse, Row, graph, registry

from contracts.ids import TableId

SESSIONS = TableId.parse("curated.web_sessions")
EVENTS = TableId.parse("clean.web_events")
START = datetime(2026, 1, 5, 23, 59)


def sessions(events: list[Row], *columns: str) -> list[tuple[object, ...]]:
    warehouse = CaseWarehouse(graph().upstream(SESSIONS))
    warehouse.insert(str(EVENTS), registry()[EVENTS], events)
    return sorted(warehouse.select(SESSIONS, columns))


def walk(count: int, step: timedelta) -> list[Row]:
    return [{"event_id": f"E{i:04}", "visitor_id": "V1", "event_at": START + i * step} for i in range(count)]


def test_a_visitor_who_never_pauses_gets_a_new_session_every_three_days() -> None:
    half_hours = 7 * 48
    found = sessions(walk(half_hours, timedelta(minutes=30)), "started_at", "ended_at", "event_count")
    three_days, half_hour = timedelta(days=3), timedelta(minutes=30)
    assert found == [
        (START, START + three_days - half_hour, 144),
        (START + three_days, START + 2 * three_days - half_hour, 144),
        (START + 2 * three_days, START + timedelta(days=7) - half_hour, 48),
    ]


def test_more_than_30_events_in_one_minute_are_a_bot() -> None:
    minute = START.replace(hour=9, minute=0)
    human = [{**e, "event_at": minute + timedelta(seconds=i)} for i, e in enumerate(walk(30, timedelta()))]
    one_more = {"event_id": "E9999", "visitor_id": "V1", "event_at": minute + timedelta(seconds=59)}
    assert sessions(human, "is_bot") == [(False,)]
    assert sessions([*human, one_more], "is_bot") == [(True,)]
