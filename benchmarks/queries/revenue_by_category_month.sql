-- aggregate: revenue and margin by the category that the product had when it was sold, of a month.
SELECT
    dim_product.category,
    SUM(fact_sales.quantity) AS unit_count,
    SUM(fact_sales.net_reporting_amount) AS net_reporting_amount,
    SUM(fact_sales.net_reporting_amount - fact_sales.cost_reporting_amount) AS margin_reporting_amount
FROM core.fact_sales
INNER JOIN core.dim_product ON dim_product.product_key = fact_sales.product_key
WHERE fact_sales.is_revenue
    AND fact_sales.order_date >= :month_start
    AND fact_sales.order_date < :month_end
GROUP BY dim_product.category
ORDER BY dim_product.category
