"""What is to be generated, and the calendar and random streams everything else is drawn from."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY_S = 86_400
# Asia/Kolkata has no daylight saving, so the shop's day is a constant shift of the UTC day.
SHOP_OFFSET_S = 19_800
# Ids of customers that no delivery ever brings start here, far above any delivered one.
NEVER_DELIVERED = 9_000_000

_NIGHT_AND_MORNING = [8, 4, 2, 2, 2, 4, 9, 16, 26, 36, 44, 48]
_NOON_AND_EVENING = [50, 46, 42, 40, 42, 48, 58, 70, 78, 72, 48, 22]
_HOUR_WEIGHTS = np.array(_NIGHT_AND_MORNING + _NOON_AND_EVENING, float)
_WEEKDAY_WEIGHTS = np.array([0.95, 0.92, 0.94, 0.97, 1.05, 1.28, 1.32])


@dataclass(frozen=True)
class Size:
    """Distinct entities and events of a delivery (before planted duplicates), and its number of delivery days."""

    customers: int = 1_000
    products: int = 500
    orders: int = 5_000
    web_events: int = 50_000
    days: int = 3

    def __post_init__(self) -> None:
        for name, count in asdict(self).items():
            if count < 1:
                raise ValueError(f"Size.{name} must be at least 1, got {count}")
        if self.customers >= NEVER_DELIVERED:
            raise ValueError(f"Size.customers must be below {NEVER_DELIVERED:,}")
        if self.products > 999_999:
            raise ValueError("Size.products must fit six digits")

    @classmethod
    def dev(cls) -> Size:
        """Three days that a test can load in seconds."""
        return cls()

    @classmethod
    def full(cls) -> Size:
        """Thirteen months with five million web events."""
        return cls(customers=100_000, products=50_000, orders=500_000, web_events=5_000_000, days=400)


@dataclass(frozen=True)
class Plan:
    """Size, seed and first day; pure functions of them give each table its dates, its ids and its randomness."""

    size: Size
    seed: int
    first_day: date

    def stream(self, name: str) -> np.random.Generator:
        """An independent random stream per name, so that a change of one table leaves the others as they were."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    @cached_property
    def start(self) -> int:
        """Epoch seconds at which the first shop day begins (18:30 UTC of the day before)."""
        return (self.first_day - date(1970, 1, 1)).days * DAY_S - SHOP_OFFSET_S

    @property
    def end(self) -> int:
        """Epoch seconds of the last second of the last shop day."""
        return self.start + self.size.days * DAY_S - 1

    @property
    def dates(self) -> list[date]:
        """The delivery days in order."""
        return [self.first_day + timedelta(days=day) for day in range(self.size.days)]

    def day_of(self, at: Ints) -> Ints:
        """Delivery day index of an instant in epoch seconds."""
        return (at - self.start) // DAY_S

    def day_start(self, day: Ints) -> Ints:
        """Epoch seconds at which a delivery day begins."""
        return self.start + day * DAY_S

    def day_end(self, day: Ints) -> Ints:
        """Epoch seconds of a delivery day's last second."""
        return self.start + (day + 1) * DAY_S - 1

    @cached_property
    def day_weights(self) -> NDArray[np.float64]:
        """Share of the business per day: weekends, slow growth and day-to-day noise."""
        index = np.arange(self.size.days)
        weekday = (self.first_day.weekday() + index) % 7
        noise = self.stream("calendar").normal(1.0, 0.06, self.size.days).clip(0.7, 1.3)
        weights = _WEEKDAY_WEIGHTS[weekday] * (1 + index / 1_500) * noise
        return weights / weights.sum()

    def instants(self, rng: np.random.Generator, day: Ints, *, spare_s: int = 0) -> Ints:
        """Epoch seconds within the given days, by the shop's hours, leaving `spare_s` seconds free at the day's end."""
        cumulative = np.cumsum(_HOUR_WEIGHTS)
        hour = np.searchsorted(cumulative, rng.random(len(day)) * cumulative[-1], side="right")
        second = hour * 3_600 + rng.integers(0, 3_600, len(day))
        return self.day_start(day) + np.minimum(second, DAY_S - 1 - spare_s)

    @property
    def late_customers(self) -> Ints:
        """Indices of customers who order on one day and are delivered on the next; they do nothing else."""
        first = self.active_customers
        return np.arange(first, first + self._late_count, dtype=np.int64)

    @property
    def active_customers(self) -> int:
        """Number of customers who may buy and browse: indices 0 up to here; late and dormant ones stand above."""
        dormant = min(max(30, self.size.customers // 100), self.size.customers // 5)
        return self.size.customers - self._late_count - dormant

    @property
    def _late_count(self) -> int:
        scarce = min(self.size.customers, self.size.orders) // 20
        return 0 if self.size.days < 2 else min(max(4, self.size.customers // 1_000), scarce)

    @property
    def active_products(self) -> int:
        """Number of products that may be sold, stocked or viewed; the dormant ones stand above."""
        return self.size.products - min(max(20, self.size.products // 100), self.size.products // 5)


def pick(rng: np.random.Generator, weights: Sequence[float] | NDArray[np.float64], count: int) -> Ints:
    """`count` indices drawn with the given weights."""
    cumulative = np.cumsum(np.asarray(weights, float))
    drawn = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    return np.minimum(drawn, len(cumulative) - 1).astype(np.int64)


def zipf(rng: np.random.Generator, kinds: int, count: int, *, exponent: float) -> Ints:
    """`count` indices below `kinds`, few of them very frequent; which ones is itself drawn by the stream."""
    rank_weights = 1.0 / np.arange(1, kinds + 1) ** exponent
    return rng.permutation(kinds).astype(np.int64)[pick(rng, rank_weights, count)]
