-- Accepted order lines of known orders against fact_sales, line by line: gross amount on the day of the order.
SELECT
    TRUE AS is_expected,
    orders.order_date AS reconciliation_date,
    orders.currency_code,
    order_items.order_item_id AS record_id,
    CAST(order_items.quantity * order_items.unit_price AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM clean.order_items
INNER JOIN clean.orders ON orders.order_id = order_items.order_id
UNION ALL
SELECT
    FALSE AS is_expected,
    order_date AS reconciliation_date,
    currency_code,
    order_item_id AS record_id,
    gross_amount AS amount,
    1 AS row_count
FROM core.fact_sales
