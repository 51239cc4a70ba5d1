-- Net sales and refunds of the facts against finance_daily_revenue, per day and currency.
WITH
expected AS (
    SELECT moved.day, moved.currency_code, SUM(moved.amount) AS amount, CAST(0 AS BIGINT) AS row_count
    FROM (
        SELECT order_date AS day, currency_code, net_amount AS amount FROM core.fact_sales WHERE is_revenue
        UNION ALL
        SELECT refund_date AS day, currency_code, -refund_amount AS amount FROM core.fact_refunds
    ) AS moved
    GROUP BY moved.day, moved.currency_code
),

actual AS (
    SELECT
        revenue_date AS day,
        currency_code,
        SUM(net_after_refund_amount) AS amount,
        CAST(0 AS BIGINT) AS row_count
    FROM mart.finance_daily_revenue
    GROUP BY revenue_date, currency_code
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
