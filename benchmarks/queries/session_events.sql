-- lookup: the events of one session, whose visitor and day are known from it.
SELECT
    fact_web_events.event_at,
    fact_web_events.event_type,
    fact_web_events.page_url,
    fact_web_events.product_id,
    fact_web_events.order_id
FROM core.fact_sessions
INNER JOIN core.fact_web_events
    ON fact_web_events.visitor_id = fact_sessions.visitor_id
    AND fact_web_events.event_at >= fact_sessions.started_at
    AND fact_web_events.event_at <= fact_sessions.ended_at
WHERE fact_sessions.session_id = :session_id
    AND fact_sessions.session_date = :session_date
    AND fact_web_events.event_date >= :session_date
    AND fact_web_events.event_date <= DATEADD(day, 1, :session_date)
ORDER BY fact_web_events.event_at, fact_web_events.event_id
