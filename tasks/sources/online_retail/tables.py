"""Classified lines to the rows of our raw tables, all of it text.

Every row follows from the lines of one order, or of one code at one instant, never from where the file begins. So two
exports that overlap say the same of what they share, in whichever order they come.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from tasks.reading import LINE
from tasks.sources.online_retail.lines import REFUND, SALE, STOCK_ADJUSTMENT, decimal_text

GUEST = "guest"
WAREHOUSE = "MAIN"
# For rows that no event of the file dates: older than any of them, and the same in every export.
_ALWAYS = "2000-01-01T00:00:00Z"
_SOLD = (SALE, REFUND)
_MAPPED = (*_SOLD, STOCK_ADJUSTMENT)
_NO_MONEY = "0.00"


def mapped_tables(lines: pl.LazyFrame, currency: str) -> dict[str, pl.LazyFrame]:
    """Raw table to its rows, parents first."""
    make: dict[str, Callable[[pl.LazyFrame, str], pl.LazyFrame]] = {
        "customers": customers,
        "products": products,
        "orders": orders,
        "order_items": order_items,
        "refunds": refunds,
        "inventory_movements": inventory_movements,
    }
    return {table: rows(lines, currency) for table, rows in make.items()}


def orders(lines: pl.LazyFrame, currency: str) -> pl.LazyFrame:
    """One order per invoice that sold something.

    A price of less than a penny cannot be charged: the gate will set that line aside, and the order with it if its
    total held the fraction. So the total leaves such lines out.
    """
    sold = pl.col("became") == SALE
    chargeable = ~pl.col("price_text").str.contains(r"\.[0-9]{3}")
    invoices = lines.filter(pl.col("became") != "duplicate").group_by("invoice")
    found = invoices.agg(
        pl.col("customer_id").min(),
        pl.col("country_code").min(),
        pl.col("at").min(),
        pl.col("amount").filter(sold & chargeable).sum(),
        sold.any().alias("sold"),
    )
    return (
        found.filter("sold")
        .sort("invoice")
        .select(
            order_id="invoice",
            customer_id=pl.col("customer_id").fill_null(GUEST),
            ordered_at=_instant(pl.col("at")),
            status=pl.lit("delivered"),
            channel=pl.lit("web"),
            currency_code=pl.lit(currency),
            discount_amount=pl.lit(_NO_MONEY),
            shipping_amount=pl.lit(_NO_MONEY),
            tax_amount=pl.lit(_NO_MONEY),
            total_amount=decimal_text(pl.col("amount")),
            ship_country_code="country_code",
            updated_at=_instant(pl.col("at")),
        )
    )


def order_items(lines: pl.LazyFrame, currency: str) -> pl.LazyFrame:
    """One row per line that sold something, in the file's order."""
    return _of(lines, SALE).select(
        order_item_id="line_id",
        order_id="invoice",
        product_id="stock_code",
        quantity=pl.col("quantity").cast(pl.String),
        unit_price="price_text",
        updated_at=_instant(pl.col("at")),
    )


def refunds(lines: pl.LazyFrame, currency: str) -> pl.LazyFrame:
    """One row per cancelled line. The export does not say which order it cancels: its own invoice stands for it."""
    return _of(lines, REFUND).select(
        refund_id="line_id",
        order_id="invoice",
        reason=pl.lit("other"),
        amount=decimal_text(-pl.col("amount")),
        currency_code=pl.lit(currency),
        refunded_at=_instant(pl.col("at")),
    )


def inventory_movements(lines: pl.LazyFrame, currency: str) -> pl.LazyFrame:
    """Free lines that moved stock: goods that came back on a cancellation, else corrections of either sign."""
    returned = pl.col("invoice").str.starts_with("C")
    return _of(lines, STOCK_ADJUSTMENT).select(
        movement_id="line_id",
        product_id="stock_code",
        warehouse_code=pl.lit(WAREHOUSE),
        movement_type=pl.when(returned).then(pl.lit("return")).otherwise(pl.lit("adjustment")),
        quantity=pl.when(returned).then(-pl.col("quantity")).otherwise(pl.col("quantity")).cast(pl.String),
        moved_at=_instant(pl.col("at")),
    )


def customers(lines: pl.LazyFrame, currency: str) -> pl.LazyFrame:
    """A row where a customer's country begins to be another one; and the guest, who stands for all without a number.

    When a customer registered, the export does not say.
    """
    known = lines.filter(pl.col("became").is_in(_MAPPED) & pl.col("customer_id").is_not_null())
    rows = _changes(known, "customer_id", "country_code").select(
        "customer_id", "country_code", updated_at=_instant(pl.col("at"))
    )
    nobody = lines.filter((pl.col("became") == SALE) & pl.col("customer_id").is_null()).head(1)
    guest = nobody.select(
        pl.lit(GUEST).alias("customer_id"), pl.lit(None, pl.String).alias("country_code"), updated_at=pl.lit(_ALWAYS)
    )
    return pl.concat([guest, rows])


def products(lines: pl.LazyFrame, currency: str) -> pl.LazyFrame:
    """A row where a product begins to be sold under another name; without any name, its code.

    Notes on stock adjustments (`damaged`, `found`) name no product. No price is the list price: they differ by customer
    and quantity, so there is none.
    """
    mapped = lines.filter(pl.col("became").is_in(_MAPPED))
    named = mapped.filter(pl.col("became").is_in(_SOLD) & pl.col("description").is_not_null())
    names = _changes(named, "stock_code", "description").select(
        product_id="stock_code", product_name="description", updated_at=_instant(pl.col("at"))
    )
    codes = mapped.select(pl.col("stock_code").unique()).join(named, on="stock_code", how="anti").sort("stock_code")
    nameless = codes.select(
        product_id="stock_code", product_name=pl.col("stock_code").alias("product_name"), updated_at=pl.lit(_ALWAYS)
    )
    return pl.concat([nameless, names]).with_columns(
        category=pl.lit("uncategorised"), currency_code=pl.lit(currency), is_active=pl.lit("true")
    )


def _changes(lines: pl.LazyFrame, key: str, value: str) -> pl.LazyFrame:
    """(key, at, value) where the value differs from the key's previous one; of several at one instant the least."""
    moments = lines.group_by(key, "at").agg(pl.col(value).min()).sort(key, "at")
    is_first = pl.col(key).ne_missing(pl.col(key).shift(1))
    return moments.filter(is_first | pl.col(value).ne_missing(pl.col(value).shift(1)))


def _of(lines: pl.LazyFrame, became: str) -> pl.LazyFrame:
    return lines.filter(pl.col("became") == became).sort(LINE)


def _instant(at: pl.Expr) -> pl.Expr:
    return at.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
