-- Accepted stock movements against fact_inventory_movements, movement by movement; the amount is the quantity.
SELECT
    TRUE AS is_expected,
    movement_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    movement_id AS record_id,
    CAST(quantity AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM clean.inventory_movements
UNION ALL
SELECT
    FALSE AS is_expected,
    movement_date AS reconciliation_date,
    CAST('XXX' AS VARCHAR(3)) AS currency_code,
    movement_id AS record_id,
    CAST(quantity AS DECIMAL(18, 2)) AS amount,
    1 AS row_count
FROM core.fact_inventory_movements
