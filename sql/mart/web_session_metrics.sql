-- One row per day, device and marketing channel; bots are counted beside the people, and in none of the other columns.
WITH
metrics AS (
    SELECT
        session_date,
        COALESCE(device, '(unknown)') AS device,
        channel_code,
        SUM(CASE WHEN is_bot THEN 1 ELSE 0 END) AS bot_session_count,
        SUM(CASE WHEN is_bot THEN 0 ELSE 1 END) AS session_count,
        COUNT(DISTINCT CASE WHEN is_bot THEN NULL ELSE visitor_id END) AS visitor_count,
        SUM(CASE WHEN is_bounce AND NOT is_bot THEN 1 ELSE 0 END) AS bounce_count,
        SUM(CASE WHEN has_purchase AND NOT is_bot THEN 1 ELSE 0 END) AS purchase_session_count,
        SUM(CASE WHEN is_bot THEN 0 ELSE event_count END) AS event_count,
        SUM(CASE WHEN is_bot THEN 0 ELSE page_view_count + product_view_count END) AS view_count,
        SUM(CASE WHEN is_bot THEN 0 ELSE duration_seconds END) AS duration_seconds
    FROM core.fact_sessions
    GROUP BY session_date, COALESCE(device, '(unknown)'), channel_code
)

SELECT
    session_date,
    device,
    channel_code,
    session_count,
    bot_session_count,
    visitor_count,
    bounce_count,
    purchase_session_count,
    event_count,
    view_count,
    duration_seconds,
    CAST(CAST(bounce_count AS DECIMAL(18, 4)) / NULLIF(session_count, 0) AS DECIMAL(9, 6)) AS bounce_rate,
    CAST(CAST(event_count AS DECIMAL(18, 4)) / NULLIF(session_count, 0) AS DECIMAL(18, 4)) AS events_per_session,
    CAST(CAST(duration_seconds AS DECIMAL(18, 4)) / NULLIF(session_count, 0) AS DECIMAL(18, 2))
        AS average_duration_seconds
FROM metrics
