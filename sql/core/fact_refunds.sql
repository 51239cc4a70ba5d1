-- One row per refund, dated by the refund and never by its order; the order and the line may be unknown (yet).
WITH
order_refunds AS (
    SELECT
        refunds.refund_id,
        refunds.order_id,
        refunds.order_item_id,
        refunds.refund_date,
        refunds.refunded_at,
        orders.order_date,
        orders.customer_id,
        order_items.product_id,
        orders.channel AS channel_code,
        refunds.reason,
        refunds.amount AS refund_amount,
        refunds.currency_code,
        orders.order_id IS NOT NULL AS is_order_known,
        order_items.order_item_id IS NOT NULL AS is_line_known
    FROM clean.refunds
    LEFT JOIN clean.orders ON orders.order_id = refunds.order_id
    LEFT JOIN clean.order_items
        ON order_items.order_id = refunds.order_id
        AND order_items.order_item_id = refunds.order_item_id
),

keyed AS (
    SELECT
        order_refunds.refund_id,
        order_refunds.order_id,
        order_refunds.order_item_id,
        order_refunds.refund_date,
        order_refunds.refunded_at,
        order_refunds.order_date,
        COALESCE(dim_customer.customer_key, unknown_customer.customer_key) AS customer_key,
        order_refunds.customer_id,
        COALESCE(dim_product.product_key, unknown_product.product_key) AS product_key,
        order_refunds.product_id,
        COALESCE(dim_channel.channel_key, 0) AS channel_key,
        order_refunds.channel_code,
        order_refunds.reason,
        order_refunds.refund_amount,
        order_refunds.currency_code,
        CAST(
            CASE
                WHEN order_refunds.currency_code = :reporting_currency THEN 1
                ELSE dim_exchange_rate.fx_rate
            END AS DECIMAL(18, 6)
        ) AS fx_rate,
        order_refunds.is_order_known,
        order_refunds.is_line_known
    FROM order_refunds
    LEFT JOIN core.dim_customer
        ON dim_customer.customer_id = order_refunds.customer_id
        AND order_refunds.refunded_at >= dim_customer.effective_from
        AND order_refunds.refunded_at < dim_customer.effective_to
    LEFT JOIN core.dim_customer AS unknown_customer ON unknown_customer.customer_id = '(unknown)'
    LEFT JOIN core.dim_product
        ON dim_product.product_id = order_refunds.product_id
        AND order_refunds.refunded_at >= dim_product.effective_from
        AND order_refunds.refunded_at < dim_product.effective_to
    LEFT JOIN core.dim_product AS unknown_product ON unknown_product.product_id = '(unknown)'
    LEFT JOIN core.dim_channel ON dim_channel.channel_code = order_refunds.channel_code
    LEFT JOIN core.dim_exchange_rate
        ON dim_exchange_rate.rate_date = order_refunds.refund_date
        AND dim_exchange_rate.from_currency_code = order_refunds.currency_code
        AND dim_exchange_rate.to_currency_code = :reporting_currency
)

SELECT
    refund_id,
    order_id,
    order_item_id,
    refund_date,
    refunded_at,
    order_date,
    customer_key,
    customer_id,
    product_key,
    product_id,
    channel_key,
    channel_code,
    reason,
    refund_amount,
    currency_code,
    fx_rate,
    CAST(ROUND(refund_amount * fx_rate, 2) AS DECIMAL(18, 2)) AS refund_reporting_amount,
    is_order_known,
    is_line_known
FROM keyed
