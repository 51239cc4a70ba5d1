-- One row per table: how far its deliveries reach, against the furthest delivery and never against the clock.
WITH
loaded_batches AS (
    SELECT
        source,
        table_name,
        delivery_date,
        content_hash,
        MAX(delivered_rows) AS delivered_rows,
        MAX(loaded_rows) AS loaded_rows,
        MAX(quarantined_rows) AS quarantined_rows
    FROM audit.load_ledger
    WHERE status = 'loaded'
    GROUP BY source, table_name, delivery_date, content_hash
),

last_delivery AS (
    SELECT MAX(delivery_date) AS as_of_date FROM loaded_batches
)

SELECT
    loaded_batches.table_name,
    MIN(loaded_batches.delivery_date) AS first_delivery_date,
    MAX(loaded_batches.delivery_date) AS last_delivery_date,
    last_delivery.as_of_date,
    DATEDIFF(day, MAX(loaded_batches.delivery_date), last_delivery.as_of_date) AS days_behind,
    COUNT(DISTINCT loaded_batches.delivery_date) AS delivery_count,
    SUM(loaded_batches.delivered_rows) AS delivered_row_count,
    SUM(loaded_batches.loaded_rows) AS loaded_row_count,
    SUM(loaded_batches.quarantined_rows) AS quarantined_row_count,
    DATEDIFF(day, MAX(loaded_batches.delivery_date), last_delivery.as_of_date) <= 1 AS is_fresh
FROM loaded_batches
CROSS JOIN last_delivery
GROUP BY loaded_batches.table_name, last_delivery.as_of_date
