-- aggregate: revenue by the country it was sent to of the whole history.
SELECT
    fact_sales.ship_country_code,
    COUNT(DISTINCT fact_sales.order_id) AS order_count,
    SUM(fact_sales.net_reporting_amount) AS net_reporting_amount
FROM core.fact_sales
WHERE fact_sales.is_revenue
GROUP BY fact_sales.ship_country_code
ORDER BY fact_sales.ship_country_code
