-- Sessions of the lake against fact_sessions, session by session; the amount counts their events.
SELECT
    TRUE AS is_expected,
    session_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    session_id AS record_id,
    CAST(event_count AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM curated.web_sessions
UNION ALL
SELECT
    FALSE AS is_expected,
    session_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    session_id AS record_id,
    CAST(event_count AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM core.fact_sessions
