-- aggregate: revenue, orders and units by day of a month.
SELECT
    fact_sales.order_date,
    COUNT(DISTINCT fact_sales.order_id) AS order_count,
    SUM(fact_sales.quantity) AS unit_count,
    SUM(fact_sales.net_reporting_amount) AS net_reporting_amount
FROM core.fact_sales
WHERE fact_sales.is_revenue
    AND fact_sales.order_date >= :month_start
    AND fact_sales.order_date < :month_end
GROUP BY fact_sales.order_date
ORDER BY fact_sales.order_date
