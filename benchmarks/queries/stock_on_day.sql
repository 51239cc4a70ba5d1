-- aggregate: stock by warehouse at the end of one day.
SELECT
    fact_inventory_daily.warehouse_code,
    COUNT(*) AS product_count,
    SUM(fact_inventory_daily.closing_quantity) AS closing_quantity,
    SUM(CASE WHEN fact_inventory_daily.is_stockout THEN 1 ELSE 0 END) AS stockout_count
FROM core.fact_inventory_daily
WHERE fact_inventory_daily.snapshot_date = :day
GROUP BY fact_inventory_daily.warehouse_code
ORDER BY fact_inventory_daily.warehouse_code
