-- One row per day and marketing channel, without bots. An order counts as first and as last touch: never add the two.
WITH
traffic AS (
    SELECT
        session_date AS activity_date,
        channel_code,
        COUNT(session_id) AS session_count,
        COUNT(DISTINCT visitor_id) AS visitor_count,
        SUM(CASE WHEN is_bounce THEN 1 ELSE 0 END) AS bounce_count,
        SUM(CASE WHEN has_purchase THEN 1 ELSE 0 END) AS purchase_session_count
    FROM core.fact_sessions
    WHERE NOT is_bot
    GROUP BY session_date, channel_code
),

first_touches AS (
    SELECT
        conversion_date AS activity_date,
        first_touch_channel_code AS channel_code,
        SUM(CASE WHEN is_revenue THEN 1 ELSE 0 END) AS order_count,
        SUM(net_reporting_amount) AS net_reporting_amount
    FROM mart.marketing_attribution
    GROUP BY conversion_date, first_touch_channel_code
),

last_touches AS (
    SELECT
        conversion_date AS activity_date,
        last_touch_channel_code AS channel_code,
        SUM(CASE WHEN is_revenue THEN 1 ELSE 0 END) AS order_count,
        SUM(net_reporting_amount) AS net_reporting_amount
    FROM mart.marketing_attribution
    GROUP BY conversion_date, last_touch_channel_code
),

channel_days AS (
    SELECT activity_date, channel_code FROM traffic
    UNION
    SELECT activity_date, channel_code FROM first_touches
    UNION
    SELECT activity_date, channel_code FROM last_touches
)

SELECT
    days.activity_date,
    days.channel_code,
    COALESCE(traffic.session_count, 0) AS session_count,
    COALESCE(traffic.visitor_count, 0) AS visitor_count,
    COALESCE(traffic.bounce_count, 0) AS bounce_count,
    COALESCE(traffic.purchase_session_count, 0) AS purchase_session_count,
    CAST(
        CAST(traffic.purchase_session_count AS DECIMAL(18, 4)) / NULLIF(traffic.session_count, 0) AS DECIMAL(9, 6)
    ) AS conversion_rate,
    COALESCE(first_touches.order_count, 0) AS first_touch_order_count,
    COALESCE(first_touches.net_reporting_amount, 0) AS first_touch_reporting_amount,
    COALESCE(last_touches.order_count, 0) AS last_touch_order_count,
    COALESCE(last_touches.net_reporting_amount, 0) AS last_touch_reporting_amount
FROM channel_days AS days
LEFT JOIN traffic
    ON traffic.activity_date = days.activity_date
    AND traffic.channel_code = days.channel_code
LEFT JOIN first_touches
    ON first_touches.activity_date = days.activity_date
    AND first_touches.channel_code = days.channel_code
LEFT JOIN last_touches
    ON last_touches.activity_date = days.activity_date
    AND last_touches.channel_code = days.channel_code
