-- Stock movements against the change of each balance in fact_inventory_daily; opening stock is a balance, no change.
SELECT
    TRUE AS is_expected,
    movement_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    product_id || ' ' || warehouse_code AS record_id,
    CAST(CASE WHEN movement_type = 'opening' THEN 0 ELSE quantity END AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM clean.inventory_movements
UNION ALL
SELECT
    FALSE AS is_expected,
    snapshot_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    product_id || ' ' || warehouse_code AS record_id,
    CAST(closing_quantity - opening_quantity AS DECIMAL(18, 2)) AS amount,
    movement_count AS row_count
FROM core.fact_inventory_daily
-- A day that moved nothing adds nothing: most rows are carried forward.
WHERE closing_quantity <> opening_quantity OR movement_count <> 0
