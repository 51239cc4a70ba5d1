-- Discount, shipping and tax of orders that have lines against what fact_sales shares out to the lines, per order.
SELECT
    TRUE AS is_expected,
    order_date AS reconciliation_date,
    currency_code,
    order_id AS record_id,
    discount_amount + shipping_amount + tax_amount AS amount,
    1 AS row_count
FROM clean.orders
WHERE EXISTS (SELECT 1 FROM clean.order_items WHERE order_items.order_id = orders.order_id)
UNION ALL
SELECT
    FALSE AS is_expected,
    order_date AS reconciliation_date,
    currency_code,
    order_id AS record_id,
    SUM(discount_amount + shipping_amount + tax_amount) AS amount,
    1 AS row_count
FROM core.fact_sales
GROUP BY order_date, currency_code, order_id
