-- One row per order, payment or refund's order: what is due against what was captured. An authorisation pays nothing.
WITH
order_entries AS (
    SELECT
        order_id,
        order_date,
        order_status,
        is_cancelled,
        currency_code,
        CASE WHEN is_revenue THEN net_amount + tax_amount + shipping_amount ELSE 0 END AS due_amount,
        0 AS authorised_amount,
        0 AS captured_amount,
        0 AS refunded_amount
    FROM core.fact_sales
    UNION ALL
    SELECT
        order_id,
        CAST(NULL AS DATE) AS order_date,
        CAST(NULL AS VARCHAR(16)) AS order_status,
        CAST(NULL AS BOOLEAN) AS is_cancelled,
        currency_code,
        0 AS due_amount,
        CASE WHEN payment_kind = 'authorisation' THEN amount ELSE 0 END AS authorised_amount,
        captured_amount,
        0 AS refunded_amount
    FROM core.fact_payments
    UNION ALL
    SELECT
        order_id,
        CAST(NULL AS DATE) AS order_date,
        CAST(NULL AS VARCHAR(16)) AS order_status,
        CAST(NULL AS BOOLEAN) AS is_cancelled,
        currency_code,
        0 AS due_amount,
        0 AS authorised_amount,
        0 AS captured_amount,
        refund_amount AS refunded_amount
    FROM core.fact_refunds
),

order_totals AS (
    SELECT
        order_id,
        MIN(order_date) AS order_date,
        MIN(order_status) AS order_status,
        MAX(CASE WHEN is_cancelled THEN 1 ELSE 0 END) AS cancelled,
        MIN(currency_code) AS currency_code,
        COUNT(DISTINCT currency_code) AS currency_count,
        CAST(SUM(due_amount) AS DECIMAL(18, 2)) AS due_amount,
        CAST(SUM(authorised_amount) AS DECIMAL(18, 2)) AS authorised_amount,
        CAST(SUM(captured_amount) AS DECIMAL(18, 2)) AS captured_amount,
        CAST(SUM(refunded_amount) AS DECIMAL(18, 2)) AS refunded_amount
    FROM order_entries
    GROUP BY order_id
)

SELECT
    order_id,
    order_date,
    order_status,
    currency_code,
    due_amount,
    authorised_amount,
    captured_amount,
    refunded_amount,
    due_amount - captured_amount AS outstanding_amount,
    captured_amount - refunded_amount AS kept_amount,
    CASE
        WHEN currency_count > 1 THEN 'mixed_currency'
        WHEN order_date IS NULL THEN 'order_missing'
        WHEN refunded_amount > captured_amount THEN 'over_refunded'
        WHEN cancelled = 1 AND captured_amount > refunded_amount THEN 'cancelled_but_captured'
        WHEN cancelled = 1 THEN 'cancelled'
        WHEN captured_amount > due_amount THEN 'overpaid'
        WHEN captured_amount = 0 AND due_amount > 0 THEN 'unpaid'
        WHEN captured_amount < due_amount THEN 'underpaid'
        WHEN refunded_amount = captured_amount AND refunded_amount > 0 THEN 'refunded'
        WHEN refunded_amount > 0 THEN 'partly_refunded'
        ELSE 'settled'
    END AS reconciliation_status
FROM order_totals
