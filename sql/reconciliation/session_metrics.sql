-- Sessions against web_session_metrics, per day, device and channel; the amount counts the events of people.
SELECT
    TRUE AS is_expected,
    session_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    COALESCE(device, '(unknown)') || ' ' || channel_code AS record_id,
    CAST(CASE WHEN is_bot THEN 0 ELSE event_count END AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM core.fact_sessions
UNION ALL
SELECT
    FALSE AS is_expected,
    session_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    device || ' ' || channel_code AS record_id,
    CAST(event_count AS DECIMAL(18, 2)) AS amount,
    session_count + bot_session_count AS row_count
FROM mart.web_session_metrics
