-- aggregate: web events by type and day of a month.
SELECT
    fact_web_events.event_date,
    fact_web_events.event_type,
    COUNT(*) AS event_count
FROM core.fact_web_events
WHERE fact_web_events.event_date >= :month_start
    AND fact_web_events.event_date < :month_end
GROUP BY fact_web_events.event_date, fact_web_events.event_type
ORDER BY fact_web_events.event_date, fact_web_events.event_type
