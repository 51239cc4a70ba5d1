"""The small lists of words every delivery is made of; drawn once per seed, then only indexed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from mimesis import Address, Person
from mimesis.locales import Locale

from tasks.generate.plan import Ints, Plan
from tasks.generate.text import words

COUNTRIES = ("IN", "US", "GB", "DE")
COUNTRY_WEIGHTS = (0.90, 0.05, 0.025, 0.025)
CURRENCIES = ("INR", "USD", "GBP", "EUR")  # by position, the currency of COUNTRIES
INR_PER_UNIT = (1.0, 84.0, 106.0, 91.0)
DIAL_CODES = ("+91", "+1", "+44", "+49")

# country index, city, state, leading part of the postal code, latitude, longitude
CITIES: tuple[tuple[int, str, str, str, float, float], ...] = (
    (0, "Mumbai", "Maharashtra", "400", 19.0760, 72.8777),
    (0, "Pune", "Maharashtra", "411", 18.5204, 73.8567),
    (0, "Nagpur", "Maharashtra", "440", 21.1458, 79.0882),
    (0, "Delhi", "Delhi", "110", 28.6139, 77.2090),
    (0, "Bengaluru", "Karnataka", "560", 12.9716, 77.5946),
    (0, "Mysuru", "Karnataka", "570", 12.2958, 76.6394),
    (0, "Chennai", "Tamil Nadu", "600", 13.0827, 80.2707),
    (0, "Coimbatore", "Tamil Nadu", "641", 11.0168, 76.9558),
    (0, "Hyderabad", "Telangana", "500", 17.3850, 78.4867),
    (0, "Kolkata", "West Bengal", "700", 22.5726, 88.3639),
    (0, "Ahmedabad", "Gujarat", "380", 23.0225, 72.5714),
    (0, "Surat", "Gujarat", "395", 21.1702, 72.8311),
    (0, "Jaipur", "Rajasthan", "302", 26.9124, 75.7873),
    (0, "Lucknow", "Uttar Pradesh", "226", 26.8467, 80.9462),
    (0, "Kanpur", "Uttar Pradesh", "208", 26.4499, 80.3319),
    (0, "Noida", "Uttar Pradesh", "201", 28.5355, 77.3910),
    (0, "Gurugram", "Haryana", "122", 28.4595, 77.0266),
    (0, "Chandigarh", "Chandigarh", "160", 30.7333, 76.7794),
    (0, "Bhopal", "Madhya Pradesh", "462", 23.2599, 77.4126),
    (0, "Indore", "Madhya Pradesh", "452", 22.7196, 75.8577),
    (0, "Patna", "Bihar", "800", 25.5941, 85.1376),
    (0, "Bhubaneswar", "Odisha", "751", 20.2961, 85.8245),
    (0, "Guwahati", "Assam", "781", 26.1445, 91.7362),
    (0, "Kochi", "Kerala", "682", 9.9312, 76.2673),
    (0, "Thiruvananthapuram", "Kerala", "695", 8.5241, 76.9366),
    (0, "Visakhapatnam", "Andhra Pradesh", "530", 17.6868, 83.2185),
    (1, "New York", "New York", "100", 40.7128, -74.0060),
    (1, "San Francisco", "California", "941", 37.7749, -122.4194),
    (1, "Austin", "Texas", "787", 30.2672, -97.7431),
    (1, "Chicago", "Illinois", "606", 41.8781, -87.6298),
    (2, "London", "England", "E", 51.5072, -0.1276),
    (2, "Leeds", "England", "LS", 53.8008, -1.5491),
    (2, "Glasgow", "Scotland", "G", 55.8642, -4.2518),
    (3, "Berlin", "Berlin", "101", 52.5200, 13.4050),
    (3, "München", "Bayern", "803", 48.1351, 11.5820),
    (3, "Köln", "Nordrhein-Westfalen", "506", 50.9375, 6.9603),
)
CODES_PER_CITY = 12

# category: typical list price in rupees, its spread (sigma of the logarithm), and product nouns by subcategory
CATALOGUE: dict[str, tuple[float, float, dict[str, tuple[str, ...]]]] = {
    "electronics": (
        9_000,
        0.9,
        {
            "mobiles": ("Smartphone", "Feature Phone", "Foldable Phone"),
            "laptops": ("Laptop", "Ultrabook", "Chromebook"),
            "audio": ("Earbuds", "Headphones", "Speaker", "Soundbar"),
            "accessories": ("Charger", "Power Bank", "USB Cable", "Keyboard"),
            "wearables": ("Smart Watch", "Fitness Band"),
        },
    ),
    "fashion": (
        1_200,
        0.6,
        {
            "menswear": ("Shirt", "Kurta", "Jeans", "Jacket"),
            "womenswear": ("Saree", "Dress", "Kurti", "Top"),
            "footwear": ("Sneakers", "Sandals", "Loafers"),
            "bags": ("Backpack", "Handbag", "Wallet"),
        },
    ),
    "home_kitchen": (
        1_800,
        0.8,
        {
            "cookware": ("Kadhai", "Pressure Cooker", "Frying Pan"),
            "appliances": ("Mixer Grinder", "Kettle", "Air Fryer", "Toaster"),
            "furnishing": ("Bedsheet", "Curtain", "Cushion Cover"),
            "decor": ("Table Lamp", "Wall Clock", "Vase"),
        },
    ),
    "beauty": (
        600,
        0.5,
        {
            "skincare": ("Face Serum", "Sunscreen", "Moisturiser"),
            "haircare": ("Shampoo", "Hair Oil", "Conditioner"),
            "makeup": ("Lipstick", "Kajal", "Foundation"),
        },
    ),
    "sports": (
        1_500,
        0.7,
        {
            "fitness": ("Yoga Mat", "Dumbbell", "Resistance Band"),
            "cricket": ("Cricket Bat", "Batting Gloves", "Leather Ball"),
            "outdoor": ("Tent", "Trekking Pole", "Water Bottle"),
            "cycling": ("Bicycle", "Helmet", "Cycling Gloves"),
        },
    ),
}
CATEGORY_WEIGHTS = (0.22, 0.30, 0.22, 0.14, 0.12)
ADJECTIVES = (
    "Classic",
    "Essential",
    "Premium",
    "Urban",
    "Lite",
    "Pro",
    "Everyday",
    "Heritage",
    "Active",
    "Royal",
    "Eco",
    "Studio",
    "Compact",
    "Signature",
    "Prime",
    "Fresh",
    "Bold",
    "Pure",
    "Swift",
    "Nova",
)
COLOURS = ("Black", "White", "Indigo", "Maroon", "Olive", "Saffron", "Teal", "Silver", "Rose", "Grey")

SEGMENTS = ("consumer", "corporate", "home_office")
TIERS = ("bronze", "silver", "gold", "platinum")
GENDERS = ("F", "M", "X", "")
CHANNELS = ("web", "mobile_app", "marketplace", "store")
STATUSES = ("placed", "paid", "shipped", "delivered", "cancelled", "returned")
TENDERS = ("card", "upi", "netbanking", "wallet", "cod", "gift_card")
PAYMENT_KINDS = ("authorisation", "capture", "void")
REASONS = ("damaged", "wrong_item", "late", "changed_mind", "other")
WAREHOUSES = ("BLR1", "DEL1", "BOM1")
MOVEMENT_TYPES = ("opening", "receipt", "sale", "return", "adjustment")
EVENT_TYPES = ("page_view", "product_view", "add_to_cart", "checkout", "purchase")
# code: percent off the lines; the first entry is "no promotion"
PROMOTIONS: dict[str, int] = {
    "": 0,
    "WELCOME10": 10,
    "FESTIVE15": 15,
    "APP5": 5,
    "PAYDAY12": 12,
    "CLEAR30": 30,
    "BUNDLE8": 8,
    "VIP20": 20,
    "MONSOON7": 7,
}
DEVICES = ("desktop", "mobile", "tablet", "bot")
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
USER_AGENTS: dict[str, tuple[str, ...]] = {
    "desktop": (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36",
        f"{_MAC} {_WEBKIT} Version/18.1 Safari/605.1.15",
        "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    ),
    "mobile": (
        f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_CHROME} Mobile Safari/537.36",
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {_WEBKIT} Version/18.1 Mobile/15E148",
        "ShopApp/7.4 (Android 14; SM-A546E)",
    ),
    "tablet": (
        f"Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) {_WEBKIT} Version/18.1 Safari/604.1",
        f"Mozilla/5.0 (Linux; Android 14; SM-X710) {_CHROME} Safari/537.36",
        "ShopApp/7.4 (iPadOS 18.1)",
    ),
    "bot": (
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "python-requests/2.32.3",
    ),
}
# source, medium, campaign; the first entry is direct traffic
CAMPAIGNS: tuple[tuple[str | None, str | None, str | None], ...] = (
    (None, None, None),
    ("google", "organic", None),
    ("google", "cpc", "brand_in"),
    ("google", "cpc", "festive_sale"),
    ("meta", "paid_social", "festive_sale"),
    ("meta", "paid_social", "retargeting"),
    ("newsletter", "email", "weekly_digest"),
    ("affiliate", "referral", "coupon_partners"),
)
CAMPAIGN_WEIGHTS = (0.45, 0.18, 0.08, 0.08, 0.08, 0.05, 0.05, 0.03)


@dataclass(frozen=True)
class Names:
    """Words of people, streets and brands; short lists to be indexed."""

    first: list[str]
    last: list[str]
    streets: list[str]
    brands: list[str]


def draw_names(plan: Plan) -> Names:
    """The seed's lists of names."""
    person, address = Person(Locale.EN, seed=plan.seed), Address(Locale.EN, seed=plan.seed)
    last = _distinct([person.last_name() for _ in range(500)])
    return Names(
        first=_distinct([person.first_name() for _ in range(400)]),
        last=last,
        streets=_distinct([f"{address.street_name()} {address.street_suffix()}" for _ in range(400)]),
        brands=[f"{name}{suffix}" for name in last[:40] for suffix in ("", " & Co", " Works")],
    )


def email_part(name: str) -> str:
    """A name as it stands in an e-mail address."""
    return re.sub(r"[^a-z]", "", name.lower()) or "x"


def _distinct(drawn: list[str]) -> list[str]:
    return list(dict.fromkeys(drawn))


@dataclass(frozen=True)
class Geography:
    """One row per postal code, sorted by country; `first_row` has where each country begins, plus the end."""

    frame: pl.DataFrame
    country: Ints
    first_row: Ints

    def draw(self, rng: np.random.Generator, country: Ints) -> Ints:
        """A postal-code row in each given country."""
        low, high = self.first_row[country], self.first_row[country + 1]
        return low + (rng.random(len(country)) * (high - low)).astype(np.int64)


def draw_geography(plan: Plan) -> Geography:
    """The postal codes: twelve per city, with coordinates around its centre."""
    rng = plan.stream("geography")
    city = np.repeat(np.arange(len(CITIES), dtype=np.int64), CODES_PER_CITY)
    country = np.array([row[0] for row in CITIES], dtype=np.int64)[city]
    ordinal = np.tile(np.arange(1, CODES_PER_CITY + 1, dtype=np.int64), len(CITIES))
    centre = np.array([row[4:] for row in CITIES])[city] + rng.normal(0, 0.03, (len(city), 2))
    lead = words([row[3] for row in CITIES], city)
    number = pl.Series("ordinal", ordinal)
    width = pl.Series("country", country)
    code = (
        pl.when(width == 0)
        .then(lead + number.cast(pl.String).str.zfill(3))
        .when(width == 2)
        .then(lead + number.cast(pl.String) + pl.lit(" 4AB"))
        .otherwise(lead + number.cast(pl.String).str.zfill(2))
    )
    frame = pl.select(
        country_code=words(COUNTRIES, country),
        postal_code=code,
        city=words([row[1] for row in CITIES], city),
        state=words([row[2] for row in CITIES], city),
        latitude=pl.Series("latitude", centre[:, 0].round(5)),
        longitude=pl.Series("longitude", centre[:, 1].round(5)),
    )
    return Geography(frame, country, np.searchsorted(country, np.arange(len(COUNTRIES) + 1)).astype(np.int64))
