"""One line of the export to its values, its id, and the one thing that it becomes."""

from __future__ import annotations

import polars as pl
import polars_hash as plh

from contracts.model import Contract
from contracts.types import ColumnType
from expectations.parsing import parse
from tasks.reading import LINE
from tasks.sources.account import DUPLICATE, EXCLUDED
from tasks.sources.online_retail.countries import COUNTRY_CODES

SALE, REFUND, STOCK_ADJUSTMENT = "sale", "refund", "stock adjustment"

# What stands in the stock code's column and is no product, tried in this order on upper-case codes. Products with
# odd codes are not among them: PADS, DCGS…, SP….
SERVICES: tuple[tuple[str, str], ...] = (
    (r"^(POST|DOT)$", "postage"),
    (r"^C[23]$", "carriage"),
    (r"^M$", "manual entry"),
    (r"^D$", "discount"),
    (r"^S$", "samples"),
    (r"^B$", "bad debt"),
    (r"^ADJUST", "adjustment"),
    (r"^BANK CHARGES$", "bank charges"),
    (r"^AMAZONFEE$", "marketplace fee"),
    (r"^TEST", "test"),
    (r"^GIFT(_|$)", "gift voucher"),
    (r"^CRUK$", "charity"),
)
BAD_DEBT = f"{EXCLUDED}bad debt"
# None is known. It must not go to the stock, where its money would be lost without a word.
PRICED_NEGATIVE = f"{EXCLUDED}negative quantity with a price"

_QUANTITY, _PRICE = ColumnType("integer"), ColumnType("decimal", precision=18, scale=6)
# What makes two lines one: the instant to the minute (other exports have no seconds), values rather than spellings.
_IDENTITY = (
    "invoice",
    "stock_code",
    "description",
    "quantity_text",
    "price_text",
    "minute",
    "customer_id",
    "country_name",
)
_SEPARATOR, _NULL = "\x1f", "\x00"


def tidied(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The lines' texts without what exports add or lose: spaces, case of codes, `.0` behind whole numbers."""
    text = {
        "invoice": _whole(_stripped("invoice")).str.to_uppercase(),
        "stock_code": _whole(_collapsed("stock_code")).str.to_uppercase(),
        "description": _collapsed("description"),
        "quantity": _whole(_stripped("quantity")),
        "invoiced_at": _collapsed("invoiced_at"),
        "price": _stripped("price"),
        "customer_id": _whole(_stripped("customer_id")),
        "country": _collapsed("country"),
    }
    return rows.select(LINE, *(pl.when(value != "").then(value).alias(name) for name, value in text.items()))


def amounts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Tidied lines and their signed `amount`; 0 where quantity or price does not read."""
    quantity, price = parse(pl.col("quantity"), "integer", (), _QUANTITY), _price()
    return lines.with_columns(_amount(quantity, price).fill_null(0).alias("amount"))


def valued(lines: pl.LazyFrame, contract: Contract, timezone: str) -> pl.LazyFrame:
    """Tidied lines that keep every raw rule, as values: instants in UTC, exact prices, amount, country, `line_id`."""
    instant = contract.by_name["invoiced_at"]
    country = pl.col("country").str.to_uppercase()
    values = lines.with_columns(
        quantity=parse(pl.col("quantity"), "integer", (), _QUANTITY).cast(pl.Int64),
        price=_price(),
        local=parse(pl.col("invoiced_at"), instant.logical, instant.formats).dt.truncate("1m"),
        country_code=country.replace_strict(COUNTRY_CODES, default=None, return_dtype=pl.String),
    )
    named = values.with_columns(
        quantity_text=pl.col("quantity").cast(pl.String),
        price_text=decimal_text(pl.col("price")),
        minute=pl.col("local").dt.strftime("%Y-%m-%dT%H:%M"),
        country_name=pl.coalesce("country_code", country),
        amount=_amount(pl.col("quantity"), pl.col("price")),
        at=to_utc(pl.col("local"), timezone),
    )
    identity = plh.concat_str([pl.col(c).fill_null(_NULL) for c in _IDENTITY], separator=_SEPARATOR)
    return named.select(
        LINE,
        "invoice",
        "stock_code",
        "description",
        "quantity",
        "price",
        "price_text",
        "amount",
        "at",
        pl.col("local").dt.date().alias("local_date"),
        "customer_id",
        "country_code",
        identity.nchash.md5().alias("line_id"),
    )


def classified(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Valued lines with `became`: the first of equal lines by what it is, the others as duplicates."""
    # Ids and numbers alone are held in memory; the frame itself stays a scan.
    ids = lines.select(LINE, "line_id").collect(engine="streaming").sort(LINE)
    doubled = ids.filter(~pl.col("line_id").is_first_distinct()).get_column(LINE)
    is_double = pl.col(LINE).is_in(doubled.implode())
    return lines.with_columns(pl.when(is_double).then(pl.lit(DUPLICATE)).otherwise(_became()).alias("became"))


def _became() -> pl.Expr:
    invoice, code = pl.col("invoice"), pl.col("stock_code")
    cancelled, free = invoice.str.starts_with("C"), pl.col("price") == 0
    negative, nobody = pl.col("quantity") < 0, pl.col("customer_id").is_null()
    excluded = [pl.when(code.str.contains(pattern)).then(pl.lit(EXCLUDED + reason)) for pattern, reason in SERVICES]
    rest = (
        pl.when(cancelled & ~free)
        .then(pl.lit(REFUND))
        .when(free & (cancelled | negative | nobody))
        .then(pl.lit(STOCK_ADJUSTMENT))
        .when(negative)
        .then(pl.lit(PRICED_NEGATIVE))
        .otherwise(pl.lit(SALE))
    )
    return pl.coalesce(pl.when(invoice.str.starts_with("A")).then(pl.lit(BAD_DEBT)), *excluded, rest)


def to_utc(local: pl.Expr, timezone: str) -> pl.Expr:
    """The shop's clock to UTC: an hour that comes twice is the first one, one that is left out moves on by an hour."""
    zoned = local.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    moved = local.dt.offset_by("1h").dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return pl.coalesce(zoned, moved).dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def decimal_text(value: pl.Expr) -> pl.Expr:
    """An exact decimal as short as it can be written: 2.1, 6, 0.001, -3."""
    return value.cast(pl.String).str.replace(r"\.?0+$", "")


def _price() -> pl.Expr:
    return parse(pl.col("price"), "number", (), _PRICE)


def _amount(quantity: pl.Expr, price: pl.Expr) -> pl.Expr:
    return quantity.cast(pl.Int64) * price.cast(pl.Decimal(38, 6))


def _stripped(name: str) -> pl.Expr:
    return pl.col(name).str.strip_chars()


def _collapsed(name: str) -> pl.Expr:
    return pl.col(name).str.replace_all(r"\s+", " ").str.strip_chars()


def _whole(text: pl.Expr) -> pl.Expr:
    return text.str.replace(r"^([+-]?[0-9]+)\.0+$", "${1}")
