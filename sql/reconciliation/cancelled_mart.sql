-- Cancelled sales of fact_sales, which are no revenue, against finance_daily_revenue, per day and channel.
SELECT
    TRUE AS is_expected,
    order_date AS reconciliation_date,
    currency_code,
    channel_code AS record_id,
    SUM(net_amount) AS amount,
    COUNT(DISTINCT order_id) AS row_count
FROM core.fact_sales
WHERE is_cancelled
GROUP BY order_date, currency_code, channel_code
UNION ALL
SELECT
    FALSE AS is_expected,
    revenue_date AS reconciliation_date,
    currency_code,
    channel_code AS record_id,
    cancelled_amount AS amount,
    cancelled_order_count AS row_count
FROM mart.finance_daily_revenue
