-- lookup: the versions of one product.
SELECT
    dim_product.product_key,
    dim_product.product_name,
    dim_product.category,
    dim_product.list_price,
    dim_product.cost_price,
    dim_product.currency_code,
    dim_product.is_active,
    dim_product.effective_from,
    dim_product.effective_to
FROM core.dim_product
WHERE dim_product.product_id = :product_id
ORDER BY dim_product.effective_from
