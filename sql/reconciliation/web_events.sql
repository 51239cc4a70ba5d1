-- Accepted web events against fact_web_events, event by event: rows only.
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
    event_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    event_id AS record_id,
    CAST(0 AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM core.fact_web_events
