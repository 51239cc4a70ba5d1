-- aggregate: revenue by the channel of the order of a month.
SELECT
    dim_channel.channel_name,
    COUNT(DISTINCT fact_sales.order_id) AS order_count,
    SUM(fact_sales.net_reporting_amount) AS net_reporting_amount
FROM core.fact_sales
INNER JOIN core.dim_channel ON dim_channel.channel_key = fact_sales.channel_key
WHERE fact_sales.is_revenue
    AND fact_sales.order_date >= :month_start
    AND fact_sales.order_date < :month_end
GROUP BY dim_channel.channel_name
ORDER BY dim_channel.channel_name
