"""Sessions that need more events than a case wants to write down."""

from __future__ import annotations

from datetime import datetime, timedelta

from case_warehouse import CaseWarehouse, Row, graph, registry

from contracts.ids import TableId

SESSIONS = TableId.parse("curated.web_sessions")
EVENTS = TableId.parse("clean.web_events")
START = datetime(2026, 1, 5, 23, 59)
TYPES = ("page_view", "product_view", "add_to_cart", "checkout", "purchase")

# What the first event with a campaign says (source, medium, campaign), and the channel that follows.
CHANNELS: list[tuple[tuple[str | None, str | None, str | None], str]] = [
    ((None, None, None), "direct"),
    ((None, None, "spring"), "other"),
    (("google", None, None), "other"),
    (("google", "skywriting", None), "other"),
    (("Affiliate", "cpc", None), "affiliate"),
    *(
        ((None, medium, None), channel)
        for channel, media in {
            "affiliate": ("affiliate",),
            "paid_search": ("cpc", "PPC", "paid_search", "sem"),
            "paid_social": ("paid_social", "paidsocial", "social_paid"),
            "display": ("display", "banner", "cpm"),
            "email": ("email", "newsletter"),
            "messaging": ("sms", "push"),
            "organic_search": ("organic", "seo"),
            "organic_social": ("social", "organic_social"),
            "referral": ("referral",),
        }.items()
        for medium in media
    ),
]
# Device and user agent of one event of two, and whether the session is a bot's.
AGENTS: list[tuple[str | None, str | None, bool]] = [
    (None, None, False),
    ("desktop", "Mozilla/5.0 curl/8.1", False),
    ("bot", None, True),
    ("desktop", "Googlebot/2.1", True),
    ("desktop", "A Crawler, polite", True),
    ("desktop", "Baiduspider/2.0", True),
    ("desktop", "HeadlessChrome/120", True),
    ("desktop", "an old python-requests/2.32", True),
    ("desktop", "curl/8.1", True),
]


def sessions(events: list[Row], *columns: str) -> list[tuple[object, ...]]:
    warehouse = CaseWarehouse(graph().upstream(SESSIONS))
    warehouse.insert(str(EVENTS), registry()[EVENTS], events)
    return sorted(warehouse.select(SESSIONS, columns))


def event(number: int, visitor: str, at: datetime, kind: str = "page_view", **more: object) -> Row:
    return {"event_id": f"E{number:04}", "visitor_id": visitor, "event_at": at, "event_type": kind, **more}


def walk(count: int, step: timedelta, visitor: str = "V1", start: datetime = START) -> list[Row]:
    return [event(number, visitor, start + number * step) for number in range(count)]


def test_several_visitors_at_once_keep_their_sessions_and_the_events_that_speak_for_them() -> None:
    def at(clock: str) -> datetime:
        return datetime.fromisoformat(f"2026-01-05 {clock}")

    events = [
        # The second of two events of one instant comes first; the customer, the campaign and the order come late.
        event(2, "V1", at("09:00:00"), "product_view", device="tablet", page_url="/two"),
        event(1, "V1", at("09:00:00"), device="mobile"),
        event(3, "V1", at("09:10:00"), "product_view", page_url="/three", utm_medium="email", customer_id="C1"),
        event(
            4, "V1", at("09:20:00"), "purchase", order_id="O1", customer_id="C2", page_url="/four",
            utm_source="google", utm_medium="cpc", utm_campaign="brand",
        ),
        # Neither a purchase without an order nor an order without a purchase is the last order.
        event(5, "V1", at("09:30:00"), "purchase"),
        event(6, "V1", at("09:40:00"), "checkout", order_id="O9"),
        # Two events of one instant after a pause that another visitor fills.
        event(8, "V1", at("10:20:00"), "add_to_cart", device="tablet", page_url="/eight", utm_source="meta"),
        event(
            7, "V1", at("10:20:00"), "purchase", order_id="O2", customer_id="C3", page_url="/seven", device="desktop"
        ),
        event(11, "V2", at("09:00:00"), page_url="/v2", utm_campaign="sale", customer_id="C9"),
        event(12, "V2", at("10:00:00"), device="mobile", page_url="/again"),
        event(13, "V2", at("10:30:00")),
        event(14, "V2", at("11:00:01")),
        *(
            event(100 + 10 * size + number, "V3", at("09:00:00") + timedelta(minutes=size), kind)
            for size, kind in enumerate(TYPES, 2)
            for number in range(size)
        ),
    ]  # fmt: skip
    spoken = ("device", "landing_page_url", "utm_source", "utm_medium", "utm_campaign", "customer_id", "order_id")
    counted = ("event_count", *(f"{kind}_count" for kind in TYPES))
    found = sessions(events, "visitor_id", "started_at", "duration_seconds", *counted, "has_purchase", *spoken)
    nothing = (None,) * len(spoken)
    assert found == [
        ("V1", at("09:00:00"), 2400, 6, 1, 2, 0, 1, 2, True, "mobile", "/two", None, "email", None, "C2", "O1"),
        ("V1", at("10:20:00"), 0, 2, 0, 0, 1, 0, 1, True, "desktop", "/seven", "meta", None, None, "C3", "O2"),
        ("V2", at("09:00:00"), 0, 1, 1, 0, 0, 0, 0, False, None, "/v2", None, None, "sale", "C9", None),
        ("V2", at("10:00:00"), 1800, 2, 2, 0, 0, 0, 0, False, "mobile", "/again", None, None, None, None, None),
        ("V2", at("11:00:01"), 0, 1, 1, 0, 0, 0, 0, False, *nothing),
        ("V3", at("09:02:00"), 240, 20, 2, 3, 4, 5, 6, True, *nothing),
    ]


def test_each_source_and_medium_has_its_channel_and_each_sign_of_a_bot_is_enough() -> None:
    columns = ("utm_source", "utm_medium", "utm_campaign")
    events = [
        event(number, f"C{number:03}", START, **dict(zip(columns, campaign, strict=True)))
        for number, (campaign, _) in enumerate(CHANNELS)
    ]
    for number, (device, agent, _) in enumerate(AGENTS):
        visitor = f"D{number:03}"
        events += [event(0, visitor, START), event(1, visitor, START, device=device, user_agent=agent)]
    assert sessions(events, "visitor_id", "channel_code", "is_bot") == [
        *((f"C{number:03}", channel, False) for number, (_, channel) in enumerate(CHANNELS)),
        *((f"D{number:03}", "direct", is_bot) for number, (*_, is_bot) in enumerate(AGENTS)),
    ]


def test_more_than_30_events_in_one_minute_are_a_bot() -> None:
    minute = START.replace(hour=9, minute=0)
    human = [{**e, "event_at": minute + timedelta(seconds=i)} for i, e in enumerate(walk(30, timedelta()))]
    one_more = {"event_id": "E9999", "visitor_id": "V1", "event_at": minute + timedelta(seconds=59)}
    assert sessions(human, "is_bot") == [(False,)]
    assert sessions([*human, one_more], "is_bot") == [(True,)]


def test_the_events_of_a_minute_in_which_a_session_is_cut_count_for_their_own_session() -> None:
    start = START.replace(hour=9, minute=0, second=30)
    cut = start + timedelta(days=3)
    for after, is_bot in ((16, False), (30, False), (31, True)):
        around = [cut + timedelta(milliseconds=n) for n in range(-15, after)]
        events = [
            *walk(144, timedelta(minutes=30), start=start),
            *(event(1000 + n, "V1", at) for n, at in enumerate(around)),
        ]
        assert sessions(events, "started_at", "event_count", "is_bot") == [
            (start, 144 + 15, False),
            (cut, after, is_bot),
        ], after


def test_a_visitor_who_never_pauses_gets_a_new_session_every_three_days() -> None:
    three_days, half_hour, later = timedelta(days=3), timedelta(minutes=30), START + timedelta(days=1)
    events = [*walk(6 * 48 + 1, half_hour), *walk(3 * 48 + 1, half_hour, "V2", later)]
    assert sessions(events, "visitor_id", "started_at", "ended_at", "event_count", "is_bot") == [
        ("V1", START, START + three_days - half_hour, 144, False),
        ("V1", START + three_days, START + 2 * three_days - half_hour, 144, False),
        ("V1", START + 2 * three_days, START + 2 * three_days, 1, False),
        ("V2", later, later + three_days - half_hour, 144, False),
        ("V2", later + three_days, later + three_days, 1, False),
    ]


def test_the_three_days_of_a_later_visit_count_from_its_own_start() -> None:
    again = START + timedelta(days=2)
    events = [event(9999, "V1", START), *walk(2 * 48 + 1, timedelta(minutes=30), start=again)]
    assert sessions(events, "started_at", "ended_at", "event_count") == [
        (START, START, 1),
        (again, again + timedelta(days=2), 2 * 48 + 1),
    ]
