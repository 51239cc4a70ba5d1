"""What the shop knows: customers and products with their changes, postal codes and exchange rates.

Every builder returns the rows as delivered (text where the file is text) plus `_day`, the delivery day they arrive on,
and `_free`, whether a defect may be planted there without changing what another row is expected to become.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from tasks.generate import vocabulary as v
from tasks.generate.plan import DAY_S, Flags, Ints, Plan, pick
from tasks.generate.text import dates, ids, instants, money, words

# Share of customers, and of products, that change per later delivery day (and how many at least).
CHANGE_RATE = 0.005
CHANGES_AT_LEAST = 8
# Below so many changes a day, a few defects would be most of the file and fail any gate that counts shares.
SPOILED_FROM_CHANGES = 100


@dataclass(frozen=True)
class Built:
    """A table's rows with `_day` and `_free`, sorted by `_day`; `flagged` are rows with a label of their own."""

    frame: pl.DataFrame
    flagged: dict[str, Ints]


def homes(plan: Plan, geography: v.Geography) -> Ints:
    """Row of the postal code each customer first lived at."""
    rng = plan.stream("homes")
    return geography.draw(rng, pick(rng, v.COUNTRY_WEIGHTS, plan.size.customers))


def customers(plan: Plan, geography: v.Geography, home: Ints, late_registered: Ints) -> Built:
    """One row per version of a customer: the first on day one, changes on later days.

    `late_registered` has, for each late customer, the instant of registration; they arrive the day after it.
    """
    rng, names, count = plan.stream("customers"), v.draw_names(plan), plan.size.customers
    everyone = np.arange(count, dtype=np.int64)
    registered = plan.start - rng.integers(DAY_S, 1_500 * DAY_S, count)
    arrives = np.zeros(count, dtype=np.int64)
    registered[plan.late_customers] = late_registered
    arrives[plan.late_customers] = plan.day_of(late_registered) + 1
    waited = (rng.random(count) * (plan.start - registered)).astype(np.int64)
    touched = np.where((rng.random(count) < 0.3) & (registered < plan.start), registered + waited, registered)
    first = {
        "customer": everyone,
        "at": touched,
        "_day": arrives,
        "is_change": np.zeros(count, dtype=bool),
        "is_out_of_order": np.zeros(count, dtype=bool),
        "home": home,
        "street": rng.integers(0, len(names.streets), count),
        "house": rng.integers(1, 400, count),
        "tier": pick(rng, [55, 27, 13, 5], count),
        "segment": pick(rng, [72, 18, 10], count),
        "opt_in": rng.random(count) < 0.6,
    }
    changes = _customer_changes(plan, geography, home, len(names.streets))
    versions = (
        pl.concat([pl.DataFrame(first), changes], how="diagonal")
        .sort("customer", "at")
        .with_columns(pl.col("home", "street", "house", "tier", "segment", "opt_in").forward_fill())
        .sort("_day", "customer", "at")
    )
    who, at_home = versions["customer"].to_numpy(), geography.frame[versions["home"].to_numpy()]
    first_name, last_name = rng.integers(0, len(names.first), count), rng.integers(0, len(names.last), count)
    user = pl.select(
        words([v.email_part(name) for name in names.first], first_name)
        + pl.lit(".")
        + words([v.email_part(name) for name in names.last], last_name)
    ).to_series()
    domain = words(("example.com", "example.net", "example.org"), rng.integers(0, 3, count))
    email = pl.select(pl.concat_str(user, pl.Series(everyone + 1).cast(pl.String), pl.lit("@"), domain)).to_series()
    dialled = words(v.DIAL_CODES, geography.country[home])
    phone = pl.select(
        dialled + pl.Series(rng.integers(6_000_000_000, 9_999_999_999, count)).cast(pl.String)
    ).to_series()
    born = dates(rng.integers(_days(date(1945, 1, 1)), _days(date(2007, 12, 31)), count))
    dormant = who >= plan.active_customers + len(plan.late_customers)
    frame = pl.select(
        customer_id=ids("C", 7, who + 1),
        first_name=words(names.first, first_name[who]),
        last_name=words(names.last, last_name[who]),
        email=email.gather(who),
        phone=phone.gather(who),
        birth_date=born.gather(who),
        gender=words(v.GENDERS, pick(rng, [47, 46, 2, 5], count)[who]),
        street=versions["house"].cast(pl.String) + pl.lit(" ") + words(names.streets, versions["street"].to_numpy()),
        city=at_home["city"],
        state=at_home["state"],
        postal_code=at_home["postal_code"],
        country_code=at_home["country_code"],
        segment=words(v.SEGMENTS, versions["segment"].to_numpy()),
        loyalty_tier=words(v.TIERS, versions["tier"].to_numpy()),
        is_marketing_opt_in=words(("false", "true"), versions["opt_in"].cast(pl.Int64).to_numpy()),
        registered_at=instants(registered[who]),
        updated_at=instants(versions["at"].to_numpy()),
        _day=versions["_day"],
        # Only a first version nobody refers to, or a later version, may be lost without orphaning orders.
        _free=pl.Series(dormant) | _spoilable(plan, versions["is_change"] & ~versions["is_out_of_order"]),
    )
    stale = versions["is_out_of_order"].to_numpy() & (
        versions["_day"].to_numpy() > plan.day_of(versions["at"].to_numpy())
    )
    return Built(frame, {"out_of_order_change": np.flatnonzero(stale)})


def _customer_changes(plan: Plan, geography: v.Geography, home: Ints, streets: int) -> pl.DataFrame:
    """Moves, tiers, segments and consents that change on later days; null where an attribute stays as it was."""
    rng, days = plan.stream("customer changes"), plan.size.days
    order = rng.permutation(plan.active_customers).astype(np.int64)
    stale = order[: 0 if days < 3 else min(max(2, len(order) // 1_000), len(order) // 4)]
    who, day = _change_points(rng, order[len(stale) :], days)
    # A stale customer changes twice on one day: the earlier change is delivered a day after the later one.
    stale_day = rng.integers(1, max(days - 1, 2), len(stale))
    early = plan.day_start(stale_day) + rng.integers(0, DAY_S // 2, len(stale))
    late = plan.day_start(stale_day) + rng.integers(DAY_S // 2, DAY_S, len(stale))
    customer = np.concatenate([who, stale, stale])
    kind = pick(rng, [40, 35, 10, 15], len(customer))
    moved = geography.draw(rng, geography.country[home[customer]])
    drawn = pl.DataFrame(
        {
            "customer": customer,
            "at": np.concatenate([plan.instants(rng, day), early, late]),
            "_day": np.concatenate([day, stale_day + 1, stale_day]),
            "is_change": np.ones(len(customer), dtype=bool),
            "is_out_of_order": np.repeat([False, True], [len(who), 2 * len(stale)]),
            "home": moved,
            "street": rng.integers(0, streets, len(customer)),
            "house": rng.integers(1, 400, len(customer)),
            "tier": pick(rng, [25, 40, 25, 10], len(customer)),
            "segment": pick(rng, [60, 25, 15], len(customer)),
            "opt_in": rng.random(len(customer)) < 0.5,
            "kind": kind,
        }
    )
    kept = {"home": 0, "street": 0, "house": 0, "tier": 1, "segment": 2, "opt_in": 3}
    return drawn.with_columns(
        pl.when(pl.col("kind") == kind).then(name).alias(name) for name, kind in kept.items()
    ).drop("kind")


def _spoilable(plan: Plan, is_change: pl.Series) -> pl.Series:
    """The changes that may be spoiled: all of them, or none where a day has only a few."""
    return is_change & (int(is_change.sum()) >= SPOILED_FROM_CHANGES * (plan.size.days - 1))


def _change_points(rng: np.random.Generator, changeable: Ints, days: int) -> tuple[Ints, Ints]:
    """Distinct pairs of an entity and a later delivery day on which it changes."""
    if days < 2 or not len(changeable):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    count = (days - 1) * max(min(CHANGES_AT_LEAST, len(changeable)), round(len(changeable) * CHANGE_RATE))
    pairs = np.unique(rng.integers(0, len(changeable), count) * days + rng.integers(1, days, count))
    return changeable[pairs // days], pairs % days


@dataclass(frozen=True)
class PriceBook:
    """List prices in rupee cents by product and the instant from which they hold."""

    since: Ints
    cents: Ints
    reach: int
    start: int

    def at(self, product: Ints, instant: Ints) -> Ints:
        """The list price of each product at each instant (epoch seconds within the delivery)."""
        wanted = product * self.reach + (instant - self.start + 1)
        return self.cents[np.searchsorted(self.since, wanted, side="right") - 1]


def products(plan: Plan) -> tuple[Built, PriceBook]:
    """One row per version of a product (first on day one, price and shelf changes later), and the prices in force."""
    rng, count = plan.stream("products"), plan.size.products
    names = v.draw_names(plan)
    categories = list(v.CATALOGUE)
    category = pick(rng, v.CATEGORY_WEIGHTS, count)
    shelves = [
        (c, sub, noun)
        for c, entry in enumerate(v.CATALOGUE.values())
        for sub, nouns in entry[2].items()
        for noun in nouns
    ]
    shelf_first = np.searchsorted([c for c, _, _ in shelves], np.arange(len(categories) + 1))
    low, high = shelf_first[category], shelf_first[category + 1]
    shelf = (low + rng.random(count) * (high - low)).astype(np.int64)
    typical = np.array([entry[0] for entry in v.CATALOGUE.values()])[category]
    spread = np.array([entry[1] for entry in v.CATALOGUE.values()])[category]
    rupees = np.maximum(49, np.exp(rng.normal(0, 1, count) * spread) * typical).astype(np.int64)
    price = np.minimum(rupees, 400_000) * 100 + np.where(rng.random(count) < 0.7, 0, 99)
    cost = (price * rng.uniform(0.45, 0.75, count)).astype(np.int64)
    launched = _days(plan.first_day) - rng.integers(1, 1_800, count)
    touched = plan.start - rng.integers(3_600, 200 * DAY_S, count)

    who, day = _change_points(rng, np.arange(plan.active_products, dtype=np.int64), plan.size.days)
    repriced = rng.random(len(who)) < 0.8
    # Never below 0.85 of the first price: the cost stays at most 0.75 of it.
    new_price = (price[who] * rng.uniform(0.85, 1.2, len(who))).astype(np.int64) // 100 * 100
    first = {
        "product": np.arange(count, dtype=np.int64),
        "at": touched,
        "_day": np.zeros(count, dtype=np.int64),
        "price": price,
        "is_active": rng.random(count) < 0.97,
    }
    changes = pl.DataFrame(
        {
            "product": who,
            "at": plan.instants(rng, day),
            "_day": day,
            "price": new_price,
            "is_active": rng.random(len(who)) < 0.9,
            "repriced": repriced,
        }
    )
    changes = changes.with_columns(
        price=pl.when("repriced").then("price"), is_active=pl.when(~pl.col("repriced")).then("is_active")
    ).drop("repriced")
    history = (
        pl.concat([pl.DataFrame(first), changes], how="diagonal")
        .sort("product", "at")
        .with_columns(pl.col("price", "is_active").forward_fill())
    )
    reach = (plan.size.days + 1) * DAY_S
    held_since = np.maximum(history["at"].to_numpy() - plan.start + 1, 0)
    book = PriceBook(history["product"].to_numpy() * reach + held_since, history["price"].to_numpy(), reach, plan.start)

    versions = history.sort("_day", "product", "at")
    what = versions["product"].to_numpy()
    brand = words(names.brands, rng.integers(0, len(names.brands), count))
    noun = words([row[2] for row in shelves], shelf)
    title = pl.select(
        pl.concat_str(
            brand,
            words(v.ADJECTIVES, rng.integers(0, len(v.ADJECTIVES), count)),
            noun,
            words(v.COLOURS, rng.integers(0, len(v.COLOURS), count)),
            separator=" ",
        )
    ).to_series()
    sku = pl.select(
        pl.concat_str(
            words([name[:3].upper() for name in categories], category),
            pl.lit("-"),
            noun.str.slice(0, 3).str.to_uppercase(),
            pl.lit("-"),
            pl.Series(np.arange(1, count + 1)).cast(pl.String).str.zfill(6),
        )
    ).to_series()
    frame = pl.select(
        product_id=ids("P", 6, what + 1),
        sku=sku.gather(what),
        product_name=title.gather(what),
        category=words(categories, category[what]),
        subcategory=words([row[1] for row in shelves], shelf[what]),
        brand=brand.gather(what),
        list_price=money(versions["price"].to_numpy()),
        cost_price=money(cost[what]),
        currency_code=pl.Series(["INR"]).new_from_index(0, len(what)),
        is_active=versions["is_active"],
        launched_on=dates(launched[what]),
        updated_at=instants(versions["at"].to_numpy()),
        _day=versions["_day"],
        _free=pl.Series(what >= plan.active_products) | _spoilable(plan, versions["_day"] > 0),
    )
    return Built(frame, {}), book


def postal_codes(geography: v.Geography) -> Built:
    """One row per postal code, delivered on the first day only."""
    return Built(geography.frame.with_columns(_day=pl.lit(0, dtype=pl.Int64), _free=pl.lit(False)), {})


def fx_rates(plan: Plan) -> Built:
    """One row per day and foreign currency: rupees per unit, a slow random walk with six decimals."""
    rng, days = plan.stream("fx"), plan.size.days
    foreign = np.arange(1, len(v.CURRENCIES))
    walk = np.exp(np.cumsum(rng.normal(0, 0.003, (days, len(foreign))), axis=0))
    micro = np.rint(walk * np.array(v.INR_PER_UNIT)[foreign] * 1_000_000).astype(np.int64).ravel()
    day = np.repeat(np.arange(days, dtype=np.int64), len(foreign))
    rate = (
        pl.Series(micro // 1_000_000).cast(pl.String)
        + pl.Series(["."])
        + pl.Series(micro % 1_000_000).cast(pl.String).str.zfill(6)
    )
    frame = pl.select(
        rate_date=dates(day + _days(plan.first_day)),
        from_currency_code=words(v.CURRENCIES, np.tile(foreign, days)),
        to_currency_code=pl.Series(["INR"]).new_from_index(0, len(day)),
        rate=rate,
        _day=pl.Series(day),
        _free=pl.Series(np.zeros(len(day), dtype=bool)),
    )
    return Built(frame, {})


def _days(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - date(1970, 1, 1)).days


def delivered(frame: pl.DataFrame, day: Ints, free: Flags) -> pl.DataFrame:
    """The rows with their delivery day and freedom, in the order of delivery (ties stay as they stand)."""
    order = np.argsort(day, kind="stable")
    return frame.with_columns(_day=pl.Series(day), _free=pl.Series(free))[order]
