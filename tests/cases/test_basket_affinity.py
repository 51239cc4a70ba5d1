"""What a handful of rows cannot show: which pairs are frequent enough to be kept."""

from __future__ import annotations

from case_warehouse import CaseWarehouse, graph

from contracts.ids import TableId

TABLE = TableId.parse("mart.merchandising_basket_affinity")


def test_a_pair_is_kept_from_one_order_in_two_thousand_on() -> None:
    warehouse = CaseWarehouse(graph().upstream(TABLE))
    # 6,000 orders: a+b in three of them, c+d in two; every other order has one line.
    warehouse.connection.execute(
        """
        INSERT INTO core.fact_sales BY NAME
        SELECT 'o' || n AS order_id, p || n AS order_item_id, p AS product_id, TRUE AS is_revenue, DATE '2026-01-05' AS
        order_date, TIMESTAMP '2026-01-05' AS ordered_at, 1 AS customer_key, 'c' AS customer_id, 1 AS product_key, 0 AS
        geography_key, 0 AS channel_key, 'web' AS channel_code, 0 AS promotion_key, 'paid' AS order_status, FALSE AS
        is_cancelled, 1 AS quantity, 1 AS unit_price, 1 AS gross_amount, 0 AS discount_amount, 1 AS net_amount, 0 AS
        tax_amount, 0 AS shipping_amount, 'INR' AS currency_code
        FROM range(6000) AS orders(n), UNNEST(CASE WHEN n < 3 THEN ['a', 'b'] WHEN n < 5 THEN ['c', 'd'] ELSE ['e'] END)
        AS items(p)
        """
    )
    pairs = warehouse.select(TABLE, ["product_id", "other_product_id", "pair_order_count", "total_order_count"])
    assert pairs == [("a", "b", 3, 6000)]
