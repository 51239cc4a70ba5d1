-- Revenue in the reporting currency of finance_daily_revenue against executive_kpi_daily, per day.
SELECT
    TRUE AS is_expected,
    revenue_date AS reconciliation_date,
    CAST(:reporting_currency AS VARCHAR(3)) AS currency_code,
    CAST('all' AS VARCHAR(8)) AS record_id,
    net_after_refund_reporting_amount AS amount,
    order_count AS row_count
FROM mart.finance_daily_revenue
UNION ALL
SELECT
    FALSE AS is_expected,
    kpi_date AS reconciliation_date,
    CAST(:reporting_currency AS VARCHAR(3)) AS currency_code,
    CAST('all' AS VARCHAR(8)) AS record_id,
    net_after_refund_reporting_amount AS amount,
    order_count AS row_count
FROM mart.executive_kpi_daily
