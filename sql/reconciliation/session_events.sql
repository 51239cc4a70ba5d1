-- Accepted web events against the sessions that they lie in: each event in exactly one, on the day of the event.
SELECT
    TRUE AS is_expected,
    event_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    event_id AS record_id,
    CAST(0 AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM clean.web_events
UNION ALL
SELECT
    FALSE AS is_expected,
    web_events.event_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    web_events.event_id AS record_id,
    CAST(0 AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM clean.web_events
INNER JOIN core.fact_sessions
    ON fact_sessions.visitor_id = web_events.visitor_id
    AND web_events.event_at >= fact_sessions.started_at
    AND web_events.event_at <= fact_sessions.ended_at
