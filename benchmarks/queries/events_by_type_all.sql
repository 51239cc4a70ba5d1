-- aggregate: web events by type and day of the whole history.
SELECT
    fact_web_events.event_date,
    fact_web_events.event_type,
    COUNT(*) AS event_count
FROM core.fact_web_events
GROUP BY fact_web_events.event_date, fact_web_events.event_type
ORDER BY fact_web_events.event_date, fact_web_events.event_type
