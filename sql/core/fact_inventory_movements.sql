-- One row per stock movement, quantity signed: out of the warehouse is negative. Additive over everything.
SELECT
    inventory_movements.movement_id,
    inventory_movements.movement_date,
    inventory_movements.moved_at,
    COALESCE(dim_product.product_key, unknown_product.product_key) AS product_key,
    inventory_movements.product_id,
    inventory_movements.warehouse_code,
    inventory_movements.movement_type,
    inventory_movements.quantity
FROM clean.inventory_movements
LEFT JOIN core.dim_product
    ON dim_product.product_id = inventory_movements.product_id
    AND inventory_movements.moved_at >= dim_product.effective_from
    AND inventory_movements.moved_at < dim_product.effective_to
LEFT JOIN core.dim_product AS unknown_product ON unknown_product.product_id = '(unknown)'
