-- One row per authorisation, capture or void. Only a capture moves money: captured_amount is 0 for the other two.
WITH
order_payments AS (
    SELECT
        payments.payment_id,
        payments.order_id,
        payments.payment_date,
        payments.paid_at,
        orders.customer_id,
        payments.tender,
        payments.kind AS payment_kind,
        payments.amount,
        CASE WHEN payments.kind = 'capture' THEN payments.amount ELSE CAST(0 AS DECIMAL(18, 2)) END AS captured_amount,
        payments.currency_code,
        orders.order_id IS NOT NULL AS is_order_known
    FROM clean.payments
    LEFT JOIN clean.orders ON orders.order_id = payments.order_id
),

keyed AS (
    SELECT
        order_payments.payment_id,
        order_payments.order_id,
        order_payments.payment_date,
        order_payments.paid_at,
        COALESCE(dim_customer.customer_key, unknown_customer.customer_key) AS customer_key,
        order_payments.customer_id,
        order_payments.tender,
        order_payments.payment_kind,
        order_payments.amount,
        order_payments.captured_amount,
        order_payments.currency_code,
        CAST(
            CASE
                WHEN order_payments.currency_code = :reporting_currency THEN 1
                ELSE dim_exchange_rate.fx_rate
            END AS DECIMAL(18, 6)
        ) AS fx_rate,
        order_payments.is_order_known
    FROM order_payments
    LEFT JOIN core.dim_customer
        ON dim_customer.customer_id = order_payments.customer_id
        AND order_payments.paid_at >= dim_customer.effective_from
        AND order_payments.paid_at < dim_customer.effective_to
    LEFT JOIN core.dim_customer AS unknown_customer ON unknown_customer.customer_id = '(unknown)'
    LEFT JOIN core.dim_exchange_rate
        ON dim_exchange_rate.rate_date = order_payments.payment_date
        AND dim_exchange_rate.from_currency_code = order_payments.currency_code
        AND dim_exchange_rate.to_currency_code = :reporting_currency
)

SELECT
    payment_id,
    order_id,
    payment_date,
    paid_at,
    customer_key,
    customer_id,
    tender,
    payment_kind,
    amount,
    captured_amount,
    currency_code,
    fx_rate,
    CAST(ROUND(captured_amount * fx_rate, 2) AS DECIMAL(18, 2)) AS captured_reporting_amount,
    is_order_known
FROM keyed
