-- lookup: the lines of one order, whose day is not known.
SELECT
    fact_sales.line_number,
    fact_sales.order_date,
    fact_sales.order_status,
    fact_sales.product_id,
    fact_sales.quantity,
    fact_sales.unit_price,
    fact_sales.discount_amount,
    fact_sales.net_amount,
    fact_sales.tax_amount,
    fact_sales.shipping_amount,
    fact_sales.currency_code
FROM core.fact_sales
WHERE fact_sales.order_id = :order_id
ORDER BY fact_sales.line_number
