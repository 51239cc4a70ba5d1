-- What was captured and refunded by the facts against finance_payment_reconciliation, per sold order on its day.
SELECT
    TRUE AS is_expected,
    orders.order_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    'captured ' || fact_payments.order_id AS record_id,
    fact_payments.captured_amount AS amount,
    0 AS row_count
FROM core.fact_payments
INNER JOIN clean.orders ON orders.order_id = fact_payments.order_id
WHERE EXISTS (SELECT 1 FROM core.fact_sales WHERE fact_sales.order_id = orders.order_id)
UNION ALL
SELECT
    TRUE AS is_expected,
    orders.order_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    'refunded ' || fact_refunds.order_id AS record_id,
    fact_refunds.refund_amount AS amount,
    0 AS row_count
FROM core.fact_refunds
INNER JOIN clean.orders ON orders.order_id = fact_refunds.order_id
WHERE EXISTS (SELECT 1 FROM core.fact_sales WHERE fact_sales.order_id = orders.order_id)
UNION ALL
SELECT
    FALSE AS is_expected,
    order_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    'captured ' || order_id AS record_id,
    captured_amount AS amount,
    0 AS row_count
FROM mart.finance_payment_reconciliation
UNION ALL
SELECT
    FALSE AS is_expected,
    order_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    'refunded ' || order_id AS record_id,
    refunded_amount AS amount,
    0 AS row_count
FROM mart.finance_payment_reconciliation
