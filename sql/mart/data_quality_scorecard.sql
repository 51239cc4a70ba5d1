-- One row per delivery, table and dimension: the last score only, so that checking the same data again changes nothing.
WITH
ranked_scores AS (
    SELECT
        delivery_date,
        layer,
        table_name,
        dimension,
        evaluated_count,
        failed_count,
        score,
        threshold,
        is_passed,
        ROW_NUMBER() OVER (
            PARTITION BY delivery_date, table_name, dimension
            ORDER BY scored_at DESC, run_id DESC
        ) AS recency
    FROM audit.quality_score
    WHERE delivery_date IS NOT NULL
)

SELECT
    delivery_date,
    table_name,
    dimension,
    layer,
    evaluated_count,
    failed_count,
    score,
    threshold,
    is_passed
FROM ranked_scores
WHERE recency = 1
