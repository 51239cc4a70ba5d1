-- Accepted payment events against fact_payments, event by event on the day of the payment.
SELECT
    TRUE AS is_expected,
    payment_date AS reconciliation_date,
    currency_code,
    payment_id AS record_id,
    amount AS amount,
    1 AS row_count
FROM clean.payments
UNION ALL
SELECT
    FALSE AS is_expected,
    payment_date AS reconciliation_date,
    currency_code,
    payment_id AS record_id,
    amount AS amount,
    1 AS row_count
FROM core.fact_payments
