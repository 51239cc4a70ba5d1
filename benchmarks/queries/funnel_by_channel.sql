-- funnel: sessions that reached each step, by marketing channel, whole history, without bots, from the facts.
SELECT
    fact_sessions.channel_code,
    COUNT(*) AS session_count,
    SUM(CASE WHEN fact_sessions.product_view_count > 0 THEN 1 ELSE 0 END) AS product_view_session_count,
    SUM(CASE WHEN fact_sessions.add_to_cart_count > 0 THEN 1 ELSE 0 END) AS add_to_cart_session_count,
    SUM(CASE WHEN fact_sessions.checkout_count > 0 THEN 1 ELSE 0 END) AS checkout_session_count,
    SUM(CASE WHEN fact_sessions.purchase_count > 0 THEN 1 ELSE 0 END) AS purchase_session_count
FROM core.fact_sessions
WHERE NOT fact_sessions.is_bot
GROUP BY fact_sessions.channel_code
ORDER BY fact_sessions.channel_code
