-- yoy: revenue by month beside the same month a year before and its change in percent, from the facts.
WITH
months AS (
    SELECT
        CAST(DATE_TRUNC('month', fact_sales.order_date) AS DATE) AS month_date,
        COUNT(DISTINCT fact_sales.order_id) AS order_count,
        COUNT(DISTINCT fact_sales.customer_id) AS customer_count,
        CAST(SUM(fact_sales.net_reporting_amount) AS DECIMAL(18, 2)) AS net_reporting_amount
    FROM core.fact_sales
    WHERE fact_sales.is_revenue
    GROUP BY CAST(DATE_TRUNC('month', fact_sales.order_date) AS DATE)
)

SELECT
    this_year.month_date,
    this_year.order_count,
    this_year.customer_count,
    this_year.net_reporting_amount,
    last_year.net_reporting_amount AS previous_year_net_reporting_amount,
    CAST(
        CAST(this_year.net_reporting_amount - last_year.net_reporting_amount AS DECIMAL(18, 4)) * 100
        / NULLIF(last_year.net_reporting_amount, 0) AS DECIMAL(18, 4)
    ) AS net_reporting_yoy_pct
FROM months AS this_year
LEFT JOIN months AS last_year ON last_year.month_date = CAST(DATEADD(month, -12, this_year.month_date) AS DATE)
ORDER BY this_year.month_date
