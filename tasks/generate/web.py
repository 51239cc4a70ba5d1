"""What visitors do on the site: sessions of events, from a first page to (seldom) a purchase of a real order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.generate import vocabulary as v
from tasks.generate.entities import Built
from tasks.generate.orders import CANCELLED, Sales
from tasks.generate.plan import Ints, Plan, pick, zipf
from tasks.generate.text import ids, instants, words

PURCHASES_PER_EVENT = 0.01
BOT_SHARE = 0.05
LATE_SHARE = 0.003
LONG_GAP_SHARE = 0.01
MEAN_EVENTS = 6
BOT_DEVICE = 3
PAGE_VIEW, PRODUCT_VIEW, ADD_TO_CART, CHECKOUT, PURCHASE = range(5)
# Visitor numbers: a customer's own visitor has the customer's number; strangers and bots stand above all customers.
STRANGERS = 10_000_000
BOTS = 90_000_000


@dataclass(frozen=True)
class Sessions:
    """One entry per session: its events, how deep it goes (an event type), who walks (order and customer -1: none)."""

    events: Ints
    depth: Ints
    visitor: Ints
    customer: Ints
    order: Ints
    device: Ints
    anchor: Ints  # instant of its first event, or of its purchase

    @property
    def first_event(self) -> Ints:
        """Row of each session's first event."""
        return np.concatenate([[0], np.cumsum(self.events)[:-1]]).astype(np.int64)


def web_events(plan: Plan, book: Sales) -> Built:
    """One row per event, delivered on its shop day; a few arrive a day late."""
    walks = _sessions(plan, book)
    rng, count = plan.stream("events"), plan.size.web_events
    session = np.repeat(np.arange(len(walks.events), dtype=np.int64), walks.events)
    first = walks.first_event
    position = np.arange(count, dtype=np.int64) - first[session]
    kind = _kinds(rng, walks, session, position)
    product = _products(plan, rng, book, walks, session, kind)
    at = _times(plan, rng, walks, session, position, first)

    day = plan.day_of(at)
    late = (rng.random(count) < LATE_SHARE) & (day < plan.size.days - 1)
    order = np.lexsort((at, day + late))
    session, position, kind, product, at, day, late = (
        column[order] for column in (session, position, kind, product, at, day, late)
    )
    # People browse before they sign in.
    signed_in = position >= rng.integers(0, 3, len(walks.events))[session]
    customer = walks.customer[session]
    with_product, buys = (kind == PRODUCT_VIEW) | (kind == ADD_TO_CART), kind == PURCHASE
    product_id = ids("P", 6, product + 1, missing=~with_product)
    campaign, device = pick(rng, v.CAMPAIGN_WEIGHTS, len(walks.events))[session], walks.device[session]
    frame = pl.select(
        event_id=ids("E", 10, np.arange(1, count + 1)),
        visitor_id=ids("V", 8, walks.visitor + 1).gather(session),
        customer_id=ids("C", 7, customer + 1, missing=(customer < 0) | ~signed_in),
        event_type=words(v.EVENT_TYPES, kind),
        event_at=instants(at),
        page_url=_page_urls(rng, kind, product_id),
        product_id=product_id,
        order_id=ids("O", 8, walks.order[session] + 1, missing=~buys),
        utm_source=words([c[0] for c in v.CAMPAIGNS], campaign),
        utm_medium=words([c[1] for c in v.CAMPAIGNS], campaign),
        utm_campaign=words([c[2] for c in v.CAMPAIGNS], campaign),
        device=words(v.DEVICES, device),
        user_agent=_user_agents(rng, walks).gather(session),
        ip_address=_addresses(walks.visitor).gather(session),
        _day=pl.Series(day + late),
        _free=pl.Series(~late & ~buys),
    )
    return Built(frame, {"late_event": np.flatnonzero(late)})


def _sessions(plan: Plan, book: Sales) -> Sessions:
    """Sessions whose events sum to the wanted number: those of purchases first, then bots, then everyone else."""
    rng, wanted = plan.stream("sessions"), plan.size.web_events
    eligible = np.flatnonzero((book.channel <= 1) & (book.status != CANCELLED))
    bought = np.sort(rng.permutation(eligible)[: int(wanted * PURCHASES_PER_EVENT)])
    buying = rng.poisson(5, len(bought)) + PURCHASE + 1
    fits = np.cumsum(buying) <= wanted
    bought, buying = bought[fits], buying[fits]

    left = wanted - int(buying.sum())
    bots = rng.integers(50, 301, max(1, int(wanted * BOT_SHARE / 175)))
    bots = bots[np.cumsum(bots) <= left // 2]
    left -= int(bots.sum())

    # Enough sessions for the events that are left, even if each had one only.
    depth = pick(rng, [46, 36, 14, 4], left if left < 10_000 else left // 2)
    people = np.maximum(rng.geometric(1 / MEAN_EVENTS, len(depth)), depth + 1)
    walkers = int(np.searchsorted(np.cumsum(people), left, side="left")) + 1 if left else 0
    depth, people = depth[:walkers], people[:walkers]
    if walkers:
        people[-1] -= int(people.sum()) - left
        depth[-1] = min(depth[-1], people[-1] - 1)

    day = pick(rng, plan.day_weights, len(bots) + walkers)
    is_customer = rng.random(walkers) < 0.35
    customer = np.where(is_customer, zipf(rng, plan.active_customers, walkers, exponent=0.4), -1)
    stranger = STRANGERS + rng.integers(0, max(1, walkers // 2), walkers)
    bot = BOTS + rng.integers(0, max(1, len(bots) // 3), len(bots))
    known = book.customer[bought]
    # A customer who is delivered late or never shops as a guest: the event then has no customer to look up.
    guest = ~book.plain[bought]
    return Sessions(
        events=np.concatenate([buying, bots, people]).astype(np.int64),
        depth=np.concatenate([np.full(len(bought), PURCHASE), np.full(len(bots), PRODUCT_VIEW), depth]),
        visitor=np.concatenate(
            [np.where(guest, STRANGERS * 5 + bought, known), bot, np.where(is_customer, customer, stranger)]
        ),
        customer=np.concatenate([np.where(guest, -1, known), np.full(len(bots), -1), customer]),
        order=np.concatenate([bought, np.full(len(bots) + walkers, -1)]),
        device=np.concatenate(
            [
                np.where(book.channel[bought] == 1, 1, pick(rng, [7, 2, 1], len(bought))),
                np.full(len(bots), BOT_DEVICE),
                pick(rng, [32, 60, 8], walkers),
            ]
        ),
        anchor=np.concatenate([book.at[bought], plan.instants(rng, day)]),
    )


def _kinds(rng: np.random.Generator, walks: Sessions, session: Ints, position: Ints) -> Ints:
    """Event types: views first, then the steps down to the session's depth as its last events."""
    depth = walks.depth[session]
    step = depth - (walks.events[session] - 1 - position)
    views = np.where(
        (depth >= PRODUCT_VIEW) & (position > 0) & (rng.random(len(session)) < 0.55), PRODUCT_VIEW, PAGE_VIEW
    )
    return np.where((step >= PRODUCT_VIEW) & (depth >= PRODUCT_VIEW), step, views)


def _products(plan: Plan, rng: np.random.Generator, book: Sales, walks: Sessions, session: Ints, kind: Ints) -> Ints:
    """The product of each event: what goes into the cart was viewed just before, and is what the order then holds."""
    product = zipf(rng, plan.active_products, len(session), exponent=0.8)
    carts = np.flatnonzero(kind == ADD_TO_CART)
    bought = walks.order[session[carts]]
    line = book.first_line[np.maximum(bought, 0)]
    product[carts] = np.where(bought >= 0, book.line_product[line], product[carts])
    product[carts - 1] = product[carts]
    return product


def _times(plan: Plan, rng: np.random.Generator, walks: Sessions, session: Ints, position: Ints, first: Ints) -> Ints:
    """Instants of the events: seconds to minutes apart (bots: seconds), a few with a pause beyond 30 minutes."""
    is_bot = (walks.device == BOT_DEVICE)[session]
    human = rng.lognormal(3.4, 0.9, len(session)).clip(2, 1_500).astype(np.int64)
    gap = np.where(is_bot, rng.integers(1, 4, len(session)), human)
    paused = np.flatnonzero((rng.random(len(walks.events)) < LONG_GAP_SHARE) & (walks.events >= 3) & (walks.order < 0))
    gap[first[paused] + walks.events[paused] // 2] += rng.integers(1_860, 5_400, len(paused))
    gap[first] = 0
    run = np.cumsum(gap)
    since_first = run - run[first][session]
    last = since_first[first + walks.events - 1]
    begins = np.where(walks.order >= 0, walks.anchor - last, np.minimum(walks.anchor, plan.end - last))
    return np.clip(begins[session] + since_first, plan.start, plan.end)


def _page_urls(rng: np.random.Generator, kind: Ints, product_id: pl.Series) -> pl.Series:
    base = "https://shop.example.com"
    pages = [f"{base}/", f"{base}/search", f"{base}/offers", *(f"{base}/category/{name}" for name in v.CATALOGUE)]
    page = words(pages, rng.integers(0, len(pages), len(kind)))
    step = pl.Series("kind", kind)
    return pl.select(
        pl.when(step == PRODUCT_VIEW)
        .then(pl.lit(f"{base}/product/") + product_id)
        .when(step == ADD_TO_CART)
        .then(pl.lit(f"{base}/cart"))
        .when(step == CHECKOUT)
        .then(pl.lit(f"{base}/checkout"))
        .when(step == PURCHASE)
        .then(pl.lit(f"{base}/order/confirmation"))
        .otherwise(page)
    ).to_series()


def _user_agents(rng: np.random.Generator, walks: Sessions) -> pl.Series:
    """One per session; three for each kind of device."""
    flat = [agent for device in v.DEVICES for agent in v.USER_AGENTS[device]]
    return words(flat, walks.device * 3 + rng.integers(0, 3, len(walks.device)))


def _addresses(visitor: Ints) -> pl.Series:
    """One per visitor, from the ranges set aside for documentation and benchmarks, and so never anyone's."""
    mixed = (visitor * 2_654_435_761) % (1 << 32)
    return pl.select(
        pl.concat_str(
            pl.lit("198."),
            pl.Series(18 + mixed % 2).cast(pl.String),
            pl.lit("."),
            pl.Series((mixed >> 8) % 256).cast(pl.String),
            pl.lit("."),
            pl.Series((mixed >> 16) % 254 + 1).cast(pl.String),
        )
    ).to_series()
