-- cohort: customers who bought again, read from the mart.
SELECT
    customer_cohort_retention.cohort_month_date,
    customer_cohort_retention.months_since_first,
    customer_cohort_retention.active_customer_count,
    customer_cohort_retention.retention_rate
FROM mart.customer_cohort_retention
ORDER BY customer_cohort_retention.cohort_month_date, customer_cohort_retention.months_since_first
