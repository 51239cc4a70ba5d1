"""What the shop sells: orders with their lines, payments and refunds; amounts are cents until they are spelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.generate import vocabulary as v
from tasks.generate.entities import Built, PriceBook, delivered
from tasks.generate.plan import NEVER_DELIVERED, Flags, Ints, Plan, pick, zipf
from tasks.generate.text import datetimes, decimal, ids, instants, money, words

# Share of orders whose status changes the day after (then delivered again), and of orders with a refund.
UPDATED_SHARE = 0.10
REFUNDED_SHARE = 0.10
NEVER_SHARE, NEVER_AT_LEAST = 0.0005, 4
PLACED, PAID, SHIPPED, DELIVERED, CANCELLED, RETURNED = range(6)
CARD, UPI, NETBANKING, WALLET, COD, GIFT_CARD = range(6)
AUTHORISATION, CAPTURE, VOID = range(3)


@dataclass(frozen=True)
class Sales:
    """The order book: one entry per order, in the order of time, and its lines (cents in the order's currency)."""

    customer: Ints
    day: Ints
    at: Ints
    channel: Ints
    country: Ints
    home: Ints
    status: Ints
    promotion: Ints
    discount: Ints
    shipping: Ints
    tax: Ints
    total: Ints
    line_order: Ints
    line_number: Ints
    line_product: Ints
    line_quantity: Ints
    line_price: Ints
    first_line: Ints
    late: Ints  # orders whose customer is delivered the next day, one per late customer
    never: Ints  # orders of customers no delivery brings

    @property
    def plain(self) -> Flags:
        """Orders whose customer is known on the day they are delivered."""
        plain = np.ones(len(self.at), dtype=bool)
        plain[self.late] = False
        plain[self.never] = False
        return plain

    def late_registered(self, plan: Plan) -> Ints:
        """When each late customer registered: ten minutes before the order, on the same shop day."""
        return np.maximum(self.at[self.late] - 600, plan.day_start(self.day[self.late]))


def sales(plan: Plan, home: Ints, geography: v.Geography, prices: PriceBook) -> Sales:
    """The orders of the whole period and their lines."""
    rng, count, days = plan.stream("orders"), plan.size.orders, plan.size.days
    day = np.repeat(np.arange(days, dtype=np.int64), rng.multinomial(count, plan.day_weights))
    # A minute is left at the day's end, so that the payment follows on the same day.
    at = plan.instants(rng, day, spare_s=60)
    at.sort()
    day = plan.day_of(at)
    customer = zipf(rng, plan.active_customers, count, exponent=0.55)
    late = rng.permutation(np.flatnonzero(day < days - 1))[: len(plan.late_customers)]
    if len(late) < len(plan.late_customers):
        raise ValueError(f"{count} orders on {days} days leave none for customers who are delivered a day late")
    never_count = min(max(NEVER_AT_LEAST, round(count * NEVER_SHARE)), count // 20)
    never = rng.choice(np.setdiff1d(np.arange(count), late), never_count, replace=False)
    customer[late] = plan.late_customers
    customer[never] = NEVER_DELIVERED + np.arange(never_count)
    lives = home[customer % plan.size.customers]
    country = geography.country[lives]

    lines = pick(rng, [0.30, 0.28, 0.22, 0.12, 0.08], count) + 1
    first_line = np.concatenate([[0], np.cumsum(lines)[:-1]]).astype(np.int64)
    line_order = np.repeat(np.arange(count, dtype=np.int64), lines)
    product = zipf(rng, plan.active_products, len(line_order), exponent=0.8)
    quantity = pick(rng, [0.76, 0.16, 0.05, 0.02, 0.01], len(line_order)) + 1
    per_unit = np.array(v.INR_PER_UNIT)[country[line_order]]
    unit_price = np.maximum(1, np.rint(prices.at(product, at[line_order]) / per_unit)).astype(np.int64)
    subtotal = np.add.reduceat(quantity * unit_price, first_line)

    promotion = pick(rng, [80, 5, 4, 3, 2, 1, 2, 1, 2], count)
    discount = subtotal * np.array(list(v.PROMOTIONS.values()))[promotion] // 100
    channel = pick(rng, [0.42, 0.34, 0.16, 0.08], count)
    rupees = np.rint(subtotal * np.array(v.INR_PER_UNIT)[country]) / 100
    free_shipping = (channel == 3) | (rupees >= 1_500)
    shipping = np.where(free_shipping, 0, np.where(country == 0, rng.choice([4_900, 9_900], count), 499))
    tax = np.rint((subtotal - discount) * np.array([0.18, 0.08, 0.20, 0.19])[country]).astype(np.int64)
    status = pick(rng, [0.10, 0.35, 0.30, 0.17, 0.06, 0.02], count)
    return Sales(
        customer,
        day,
        at,
        channel,
        country,
        lives,
        status,
        promotion,
        discount,
        shipping,
        tax,
        subtotal - discount + shipping + tax,
        line_order,
        np.arange(len(line_order)) - first_line[line_order] + 1,
        product,
        quantity,
        unit_price,
        first_line,
        late,
        never,
    )


def orders(plan: Plan, book: Sales, geography: v.Geography) -> Built:
    """One row per order as placed, and one more for those whose status changed on the next day."""
    rng, count = plan.stream("order updates"), plan.size.orders
    next_status = np.array([PAID, SHIPPED, DELIVERED, RETURNED, CANCELLED, RETURNED])[book.status]
    moves = (next_status != book.status) & (book.day < plan.size.days - 1) & book.plain
    again = np.flatnonzero(moves & (rng.random(count) < UPDATED_SHARE / 0.92))
    touched = np.minimum(book.at + rng.integers(0, 3 * 3_600, count), plan.day_end(book.day))
    order = np.concatenate([np.arange(count, dtype=np.int64), again])
    day = np.concatenate([book.day, book.day[again] + 1])
    single = book.plain
    single[again] = False
    frame = _orders_text(
        book,
        geography,
        order,
        np.concatenate([book.status, next_status[again]]),
        np.concatenate([touched, plan.instants(rng, book.day[again] + 1)]),
    )
    free = single[order]
    built = delivered(frame.with_columns(_order=pl.Series(order)), day, free)
    row_of = np.empty(count, dtype=np.int64)
    rows = np.flatnonzero(built["_order"].is_first_distinct().to_numpy())
    row_of[built["_order"].to_numpy()[rows]] = rows
    return Built(built.drop("_order"), {"late_customer": row_of[book.late], "unknown_customer": row_of[book.never]})


def _orders_text(book: Sales, geography: v.Geography, order: Ints, status: Ints, updated: Ints) -> pl.DataFrame:
    country, lives = book.country[order], book.home[order]
    return pl.select(
        order_id=ids("O", 8, order + 1),
        customer_id=ids("C", 7, book.customer[order] + 1),
        ordered_at=instants(book.at[order]),
        status=words(v.STATUSES, status),
        channel=words(v.CHANNELS, book.channel[order]),
        promotion_code=words(list(v.PROMOTIONS), book.promotion[order]),
        currency_code=words(v.CURRENCIES, country),
        discount_amount=money(book.discount[order]),
        shipping_amount=money(book.shipping[order]),
        tax_amount=money(book.tax[order]),
        total_amount=money(book.total[order]),
        ship_postal_code=geography.frame["postal_code"].gather(lives),
        ship_country_code=words(v.COUNTRIES, country),
        updated_at=instants(updated),
    )


def order_items(book: Sales) -> Built:
    """One row per order line, delivered with its order."""
    line = np.arange(len(book.line_order), dtype=np.int64)
    frame = pl.select(
        order_item_id=ids("OI", 9, line + 1),
        order_id=ids("O", 8, book.line_order + 1),
        line_number=pl.Series(book.line_number.astype(np.int32)),
        product_id=ids("P", 6, book.line_product + 1),
        quantity=pl.Series(book.line_quantity.astype(np.int32)),
        unit_price=decimal(book.line_price),
        updated_at=datetimes(book.at[book.line_order]),
    )
    return Built(delivered(frame, book.day[book.line_order], np.ones(len(line), dtype=bool)), {})


def payments(plan: Plan, book: Sales) -> Built:
    """One row per authorisation, capture or void of one tender; captures of an order that stands sum to its total."""
    rng, count = plan.stream("payments"), len(book.at)
    stands = book.status != CANCELLED
    rupee_tender = pick(rng, [0.30, 0.38, 0.08, 0.08, 0.14, 0.02], count)
    foreign_tender = np.array([CARD, WALLET])[pick(rng, [0.85, 0.15], count)]
    main = np.where(book.country == 0, rupee_tender, foreign_tender)
    split = stands & (rng.random(count) < 0.08) & (book.total >= 200) & (main != GIFT_CARD)
    part = np.where(split, np.maximum(1, (book.total * rng.uniform(0.1, 0.6, count)).astype(np.int64)), 0)
    second = np.flatnonzero(split)

    order = np.concatenate([np.arange(count, dtype=np.int64), second])
    tender = np.concatenate([main, np.full(len(second), GIFT_CARD)])
    amount = np.concatenate([book.total - part, part[second]])
    # Nothing is owed when a promotion takes it all; a cancelled order keeps a trace only where a card was authorised.
    real = (amount > 0) & (stands[order] | (tender == CARD))
    order, tender, amount = order[real], tender[real], amount[real]
    ends = plan.day_end(book.day[order])
    authorised = book.at[order] + rng.integers(1, 20, len(order))
    settled = np.minimum(authorised + rng.integers(10, 2 * 3_600, len(order)), ends)

    by_card, done = np.flatnonzero(tender == CARD), np.where(stands[order], CAPTURE, VOID)
    entry = np.concatenate([by_card, np.arange(len(order))])
    kind = np.concatenate([np.full(len(by_card), AUTHORISATION), done])
    at = np.concatenate([authorised[by_card], settled])
    by_time = np.argsort(at, kind="stable")
    entry, kind, at = entry[by_time], kind[by_time], at[by_time]
    frame = pl.select(
        payment_id=ids("PY", 9, np.arange(1, len(at) + 1)),
        order_id=ids("O", 8, order[entry] + 1),
        tender=words(v.TENDERS, tender[entry]),
        kind=words(v.PAYMENT_KINDS, kind),
        amount=money(amount[entry]),
        currency_code=words(v.CURRENCIES, book.country[order[entry]]),
        paid_at=instants(at),
    )
    return Built(delivered(frame, plan.day_of(at), np.ones(len(at), dtype=bool)), {})


@dataclass(frozen=True)
class Returns:
    """Refunds in the order of time: the order, its line (-1: the whole order), instant, cents and reason."""

    order: Ints
    line: Ints
    at: Ints
    cents: Ints
    reason: Ints


def returns(plan: Plan, book: Sales) -> Returns:
    """At most one refund per order that stands, on a later day, of a line's net amount or of the whole order."""
    rng, count = plan.stream("refunds"), len(book.at)
    chosen = np.flatnonzero((book.status != CANCELLED) & (rng.random(count) < REFUNDED_SHARE))
    lag = rng.geometric(0.35, len(chosen))
    kept = book.day[chosen] + lag < plan.size.days
    chosen, lag = chosen[kept], lag[kept]
    at = plan.instants(rng, book.day[chosen] + lag)
    lines = np.bincount(book.line_order, minlength=count)[chosen]
    line = book.first_line[chosen] + (rng.random(len(chosen)) * lines).astype(np.int64)
    gross = book.line_quantity[line] * book.line_price[line]
    percent = np.array(list(v.PROMOTIONS.values()))[book.promotion[chosen]]
    whole = rng.random(len(chosen)) < 0.3
    cents = np.where(whole, book.total[chosen], gross - -(-gross * percent // 100))
    by_time = np.argsort(at, kind="stable")
    reason = pick(rng, [25, 12, 13, 38, 12], len(chosen))
    drawn = (chosen, np.where(whole, -1, line), at, cents, reason)
    return Returns(*(column[by_time] for column in drawn))


def refunds(plan: Plan, book: Sales, back: Returns) -> Built:
    """One row per refund, dated by the refund."""
    frame = pl.select(
        refund_id=ids("R", 8, np.arange(1, len(back.at) + 1)),
        order_id=ids("O", 8, back.order + 1),
        order_item_id=ids("OI", 9, back.line + 1, missing=back.line < 0),
        reason=words(v.REASONS, back.reason),
        amount=money(back.cents),
        currency_code=words(v.CURRENCIES, book.country[back.order]),
        refunded_at=instants(back.at),
    )
    return Built(delivered(frame, plan.day_of(back.at), back.cents > 0), {})
