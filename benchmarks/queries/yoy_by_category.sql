-- yoy: revenue by category and month beside the same month a year before, from the facts.
WITH
category_months AS (
    SELECT
        dim_product.category,
        CAST(DATE_TRUNC('month', fact_sales.order_date) AS DATE) AS month_date,
        COUNT(DISTINCT fact_sales.order_id) AS order_count,
        SUM(fact_sales.net_reporting_amount) AS net_reporting_amount
    FROM core.fact_sales
    INNER JOIN core.dim_product ON dim_product.product_key = fact_sales.product_key
    WHERE fact_sales.is_revenue
    GROUP BY dim_product.category, CAST(DATE_TRUNC('month', fact_sales.order_date) AS DATE)
)

SELECT
    this_year.category,
    this_year.month_date,
    this_year.order_count,
    this_year.net_reporting_amount,
    last_year.order_count AS previous_year_order_count,
    last_year.net_reporting_amount AS previous_year_net_reporting_amount
FROM category_months AS this_year
LEFT JOIN category_months AS last_year
    ON last_year.category = this_year.category
    AND last_year.month_date = CAST(DATEADD(month, -12, this_year.month_date) AS DATE)
ORDER BY this_year.category, this_year.month_date
