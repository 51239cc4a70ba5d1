-- One row per month of first order and month since; month 0 is the whole cohort, a month not reached yet has no row.
WITH
customer_months AS (
    SELECT
        customer_id,
        CAST(DATE_TRUNC('month', order_date) AS DATE) AS month_date,
        SUM(COALESCE(net_reporting_amount, 0)) AS net_reporting_amount
    FROM core.fact_sales
    WHERE is_revenue
    GROUP BY customer_id, CAST(DATE_TRUNC('month', order_date) AS DATE)
),

cohorts AS (
    SELECT customer_id, MIN(month_date) AS cohort_month_date
    FROM customer_months
    GROUP BY customer_id
),

cohort_sizes AS (
    SELECT cohort_month_date, COUNT(customer_id) AS cohort_customer_count
    FROM cohorts
    GROUP BY cohort_month_date
),

activity AS (
    SELECT
        cohorts.cohort_month_date,
        customer_months.month_date,
        COUNT(customer_months.customer_id) AS active_customer_count,
        CAST(SUM(customer_months.net_reporting_amount) AS DECIMAL(18, 2)) AS net_reporting_amount
    FROM customer_months
    INNER JOIN cohorts ON cohorts.customer_id = customer_months.customer_id
    GROUP BY cohorts.cohort_month_date, customer_months.month_date
),

-- A month in which nobody came back is a row with 0, not a missing row.
months AS (
    SELECT DISTINCT month_date FROM customer_months
)

SELECT
    cohort_sizes.cohort_month_date,
    DATEDIFF(month, cohort_sizes.cohort_month_date, months.month_date) AS months_since_first,
    months.month_date AS activity_month_date,
    cohort_sizes.cohort_customer_count,
    COALESCE(activity.active_customer_count, 0) AS active_customer_count,
    CAST(
        CAST(COALESCE(activity.active_customer_count, 0) AS DECIMAL(18, 4)) / cohort_sizes.cohort_customer_count
        AS DECIMAL(9, 6)
    ) AS retention_rate,
    COALESCE(activity.net_reporting_amount, 0) AS net_reporting_amount
FROM cohort_sizes
INNER JOIN months ON months.month_date >= cohort_sizes.cohort_month_date
LEFT JOIN activity
    ON activity.cohort_month_date = cohort_sizes.cohort_month_date
    AND activity.month_date = months.month_date
