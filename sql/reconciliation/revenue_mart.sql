-- Net sales less refunds of the facts against finance_daily_revenue, per day and channel; rows are orders and refunds.
SELECT
    TRUE AS is_expected,
    order_date AS reconciliation_date,
    currency_code,
    channel_code AS record_id,
    SUM(net_amount) AS amount,
    COUNT(DISTINCT order_id) AS row_count
FROM core.fact_sales
WHERE is_revenue
GROUP BY order_date, currency_code, channel_code
UNION ALL
SELECT
    TRUE AS is_expected,
    refund_date AS reconciliation_date,
    currency_code,
    COALESCE(channel_code, '(unknown)') AS record_id,
    -refund_amount AS amount,
    1 AS row_count
FROM core.fact_refunds
UNION ALL
SELECT
    FALSE AS is_expected,
    revenue_date AS reconciliation_date,
    currency_code,
    channel_code AS record_id,
    net_after_refund_amount AS amount,
    order_count + refund_count AS row_count
FROM mart.finance_daily_revenue
