-- cohort: customers who bought again, by month of the first order and months since, from the facts.
WITH
customer_months AS (
    SELECT
        fact_sales.customer_id,
        CAST(DATE_TRUNC('month', fact_sales.order_date) AS DATE) AS month_date,
        SUM(fact_sales.net_reporting_amount) AS net_reporting_amount
    FROM core.fact_sales
    WHERE fact_sales.is_revenue
    GROUP BY fact_sales.customer_id, CAST(DATE_TRUNC('month', fact_sales.order_date) AS DATE)
),

cohorts AS (
    SELECT customer_id, MIN(month_date) AS cohort_month_date
    FROM customer_months
    GROUP BY customer_id
)

SELECT
    cohorts.cohort_month_date,
    DATEDIFF(month, cohorts.cohort_month_date, customer_months.month_date) AS months_since_first,
    COUNT(*) AS active_customer_count,
    SUM(customer_months.net_reporting_amount) AS net_reporting_amount
FROM customer_months
INNER JOIN cohorts ON cohorts.customer_id = customer_months.customer_id
GROUP BY cohorts.cohort_month_date, DATEDIFF(month, cohorts.cohort_month_date, customer_months.month_date)
ORDER BY cohorts.cohort_month_date, months_since_first
