-- Accepted order lines of known orders against fact_sales, per order date and currency.
WITH
expected AS (
    SELECT
        orders.order_date AS day,
        orders.currency_code,
        SUM(CAST(order_items.quantity * order_items.unit_price AS DECIMAL(18, 2))) AS amount,
        COUNT(order_items.order_item_id) AS row_count
    FROM clean.order_items
    INNER JOIN clean.orders ON orders.order_id = order_items.order_id
    GROUP BY orders.order_date, orders.currency_code
),

actual AS (
    SELECT order_date AS day, currency_code, SUM(gross_amount) AS amount, COUNT(order_item_id) AS row_count
    FROM core.fact_sales
    GROUP BY order_date, currency_code
)

SELECT
    COALESCE(expected.day, actual.day) AS reconciliation_date,
    COALESCE(expected.currency_code, actual.currency_code) AS currency_code,
    COALESCE(expected.amount, 0) AS expected_amount,
    COALESCE(actual.amount, 0) AS actual_amount,
    COALESCE(expected.row_count, 0) AS expected_rows,
    COALESCE(actual.row_count, 0) AS actual_rows
FROM expected
FULL OUTER JOIN actual ON actual.day = expected.day AND actual.currency_code = expected.currency_code
