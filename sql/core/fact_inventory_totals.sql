-- One row per day from the first to the last movement. Its fingerprint changes when any balance of the day may change.
WITH
day_movements AS (
    SELECT
        movement_date,
        SUM(quantity) AS moved_quantity,
        COUNT(movement_id) AS movement_count,
        -- A row's hash is an MD5 already.
        SUM(STRTOL(SUBSTRING(row_hash, 1, 8), 16)) AS day_fingerprint
    FROM clean.inventory_movements
    GROUP BY movement_date
),

movement_span AS (
    SELECT MIN(movement_date) AS first_date, MAX(movement_date) AS last_date
    FROM day_movements
)

SELECT
    dim_date.calendar_date AS snapshot_date,
    CAST(COALESCE(day_movements.movement_count, 0) AS BIGINT) AS movement_count,
    CAST(
        SUM(COALESCE(day_movements.moved_quantity, 0))
            OVER (ORDER BY dim_date.calendar_date ROWS UNBOUNDED PRECEDING) AS BIGINT
    ) AS closing_quantity,
    CAST(
        SUM(COALESCE(day_movements.day_fingerprint, 0))
            OVER (ORDER BY dim_date.calendar_date ROWS UNBOUNDED PRECEDING) AS BIGINT
    ) AS fingerprint
FROM core.dim_date
INNER JOIN movement_span
    ON dim_date.calendar_date >= movement_span.first_date
    AND dim_date.calendar_date <= movement_span.last_date
LEFT JOIN day_movements ON day_movements.movement_date = dim_date.calendar_date
