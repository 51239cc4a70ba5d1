-- Accepted refunds against fact_refunds, refund by refund on the day of the refund.
SELECT
    TRUE AS is_expected,
    refund_date AS reconciliation_date,
    currency_code,
    refund_id AS record_id,
    amount AS amount,
    1 AS row_count
FROM clean.refunds
UNION ALL
SELECT
    FALSE AS is_expected,
    refund_date AS reconciliation_date,
    currency_code,
    refund_id AS record_id,
    refund_amount AS amount,
    1 AS row_count
FROM core.fact_refunds
