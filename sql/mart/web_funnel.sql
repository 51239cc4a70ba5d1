-- One row per day, device and marketing channel, without bots. A later step implies the earlier: steps only shrink.
WITH
session_steps AS (
    SELECT
        session_id,
        session_date,
        COALESCE(device, '(unknown)') AS device,
        channel_code,
        CASE
            WHEN purchase_count > 0 THEN 4
            WHEN checkout_count > 0 THEN 3
            WHEN add_to_cart_count > 0 THEN 2
            WHEN product_view_count > 0 THEN 1
            ELSE 0
        END AS deepest_step
    FROM core.fact_sessions
    WHERE NOT is_bot
),

funnel AS (
    SELECT
        session_date,
        device,
        channel_code,
        COUNT(session_id) AS session_count,
        SUM(CASE WHEN deepest_step >= 1 THEN 1 ELSE 0 END) AS product_view_session_count,
        SUM(CASE WHEN deepest_step >= 2 THEN 1 ELSE 0 END) AS add_to_cart_session_count,
        SUM(CASE WHEN deepest_step >= 3 THEN 1 ELSE 0 END) AS checkout_session_count,
        SUM(CASE WHEN deepest_step >= 4 THEN 1 ELSE 0 END) AS purchase_session_count
    FROM session_steps
    GROUP BY session_date, device, channel_code
)

SELECT
    session_date,
    device,
    channel_code,
    session_count,
    product_view_session_count,
    add_to_cart_session_count,
    checkout_session_count,
    purchase_session_count,
    CAST(CAST(product_view_session_count AS DECIMAL(18, 4)) / session_count AS DECIMAL(9, 6)) AS product_view_rate,
    CAST(CAST(add_to_cart_session_count AS DECIMAL(18, 4)) / NULLIF(product_view_session_count, 0) AS DECIMAL(9, 6))
        AS add_to_cart_rate,
    CAST(CAST(checkout_session_count AS DECIMAL(18, 4)) / NULLIF(add_to_cart_session_count, 0) AS DECIMAL(9, 6))
        AS checkout_rate,
    CAST(CAST(purchase_session_count AS DECIMAL(18, 4)) / NULLIF(checkout_session_count, 0) AS DECIMAL(9, 6))
        AS purchase_rate,
    CAST(CAST(purchase_session_count AS DECIMAL(18, 4)) / session_count AS DECIMAL(9, 6)) AS conversion_rate
FROM funnel
