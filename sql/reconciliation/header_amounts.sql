-- Discount, shipping and tax of orders that have lines against what fact_sales shares out to the lines.
WITH
expected AS (
    SELECT
        orders.order_date AS day,
        orders.currency_code,
        SUM(orders.discount_amount + orders.shipping_amount + orders.tax_amount) AS amount,
        COUNT(orders.order_id) AS row_count
    FROM clean.orders
    WHERE EXISTS (SELECT 1 FROM clean.order_items WHERE order_items.order_id = orders.order_id)
    GROUP BY orders.order_date, orders.currency_code
),

actual AS (
    SELECT
        order_date AS day,
        currency_code,
        SUM(discount_amount + shipping_amount + tax_amount) AS amount,
        COUNT(DISTINCT order_id) AS row_count
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
