-- aggregate: stock by category at the end of one day, at what the products cost on it.
SELECT
    dim_product.category,
    dim_product.currency_code,
    SUM(fact_inventory_daily.closing_quantity) AS closing_quantity,
    SUM(fact_inventory_daily.closing_quantity * dim_product.cost_price) AS cost_amount
FROM core.fact_inventory_daily
INNER JOIN core.dim_product
    ON dim_product.product_id = fact_inventory_daily.product_id
    AND dim_product.effective_from <= fact_inventory_daily.snapshot_date
    AND dim_product.effective_to > fact_inventory_daily.snapshot_date
WHERE fact_inventory_daily.snapshot_date = :day
GROUP BY dim_product.category, dim_product.currency_code
ORDER BY dim_product.category, dim_product.currency_code
