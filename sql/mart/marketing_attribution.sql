-- One row per session that bought: first touch and last touch that was not direct, over the 30 days before it started.
WITH
human_sessions AS (
    SELECT session_id, visitor_id, customer_id, session_date, started_at, channel_code, order_id, has_purchase
    FROM core.fact_sessions
    WHERE NOT is_bot
),

purchases AS (
    SELECT
        session_id,
        visitor_id,
        customer_id,
        session_date,
        started_at,
        channel_code,
        order_id,
        ROW_NUMBER() OVER (PARTITION BY visitor_id, order_id ORDER BY started_at, session_id) AS purchase_number
    FROM human_sessions
    WHERE has_purchase AND order_id IS NOT NULL
),

-- A page that is loaded again tells of the same order twice: only the first session with it bought.
conversions AS (
    SELECT session_id, visitor_id, customer_id, session_date, started_at, channel_code, order_id
    FROM purchases
    WHERE purchase_number = 1
),

touches AS (
    SELECT
        conversions.session_id,
        touch.session_id AS touch_session_id,
        touch.channel_code AS touch_channel_code,
        touch.started_at AS touch_started_at,
        ROW_NUMBER() OVER (PARTITION BY conversions.session_id ORDER BY touch.started_at, touch.session_id)
            AS touch_number,
        ROW_NUMBER() OVER (
            PARTITION BY conversions.session_id
            ORDER BY
                CASE WHEN touch.channel_code = 'direct' THEN 1 ELSE 0 END,
                touch.started_at DESC,
                touch.session_id DESC
        ) AS last_number
    FROM conversions
    INNER JOIN human_sessions AS touch
        ON touch.visitor_id = conversions.visitor_id
        AND touch.started_at <= conversions.started_at
        AND touch.started_at >= DATEADD(day, -30, conversions.started_at)
),

paths AS (
    SELECT
        session_id,
        COUNT(touch_session_id) AS touch_count,
        MIN(touch_started_at) AS first_touch_at,
        MIN(CASE WHEN touch_number = 1 THEN touch_channel_code END) AS first_touch_channel_code,
        MIN(CASE WHEN last_number = 1 THEN touch_channel_code END) AS last_touch_channel_code
    FROM touches
    GROUP BY session_id
),

orders AS (
    SELECT
        fact_sales.order_id,
        SUM(CASE WHEN fact_sales.is_revenue THEN COALESCE(fact_sales.net_reporting_amount, 0) ELSE 0 END)
            AS net_reporting_amount,
        MAX(CASE WHEN fact_sales.is_revenue THEN 1 ELSE 0 END) AS revenue_flag
    FROM core.fact_sales
    INNER JOIN (SELECT DISTINCT order_id FROM conversions) AS converted_orders
        ON converted_orders.order_id = fact_sales.order_id
    GROUP BY fact_sales.order_id
)

SELECT
    conversions.session_id,
    conversions.session_date AS conversion_date,
    conversions.started_at AS converted_at,
    conversions.visitor_id,
    conversions.customer_id,
    conversions.order_id,
    paths.first_touch_channel_code,
    paths.first_touch_at,
    paths.last_touch_channel_code,
    paths.touch_count,
    DATEDIFF(day, paths.first_touch_at, conversions.started_at) AS days_to_conversion,
    COALESCE(orders.revenue_flag, 0) = 1 AS is_revenue,
    COALESCE(orders.net_reporting_amount, 0) AS net_reporting_amount
FROM conversions
INNER JOIN paths ON paths.session_id = conversions.session_id
LEFT JOIN orders ON orders.order_id = conversions.order_id
