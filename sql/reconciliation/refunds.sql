-- Accepted refunds against fact_refunds, per refund date and currency.
WITH
expected AS (
    SELECT refund_date AS day, currency_code, SUM(amount) AS amount, COUNT(refund_id) AS row_count
    FROM clean.refunds
    GROUP BY refund_date, currency_code
),

actual AS (
    SELECT refund_date AS day, currency_code, SUM(refund_amount) AS amount, COUNT(refund_id) AS row_count
    FROM core.fact_refunds
    GROUP BY refund_date, currency_code
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
