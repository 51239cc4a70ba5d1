-- aggregate: sessions, bounces and purchases by marketing channel of a month, without bots.
SELECT
    fact_sessions.channel_code,
    COUNT(*) AS session_count,
    COUNT(DISTINCT fact_sessions.visitor_id) AS visitor_count,
    SUM(CASE WHEN fact_sessions.is_bounce THEN 1 ELSE 0 END) AS bounce_count,
    SUM(CASE WHEN fact_sessions.has_purchase THEN 1 ELSE 0 END) AS purchase_session_count
FROM core.fact_sessions
WHERE fact_sessions.session_date >= :month_start
    AND fact_sessions.session_date < :month_end
    AND NOT fact_sessions.is_bot
GROUP BY fact_sessions.channel_code
ORDER BY fact_sessions.channel_code
