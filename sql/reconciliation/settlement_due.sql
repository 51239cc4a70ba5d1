-- What orders owe by fact_sales against finance_payment_reconciliation, order by order on the day of the order.
SELECT
    TRUE AS is_expected,
    order_date AS reconciliation_date,
    currency_code,
    order_id AS record_id,
    SUM(CASE WHEN is_revenue THEN net_amount + tax_amount + shipping_amount ELSE 0 END) AS amount,
    1 AS row_count
FROM core.fact_sales
GROUP BY order_date, currency_code, order_id
UNION ALL
SELECT
    FALSE AS is_expected,
    order_date AS reconciliation_date,
    currency_code,
    order_id AS record_id,
    due_amount AS amount,
    1 AS row_count
FROM mart.finance_payment_reconciliation
