-- aggregate: revenue by month and channel, read from the mart.
SELECT
    CAST(DATE_TRUNC('month', finance_daily_revenue.revenue_date) AS DATE) AS month_date,
    finance_daily_revenue.channel_code,
    SUM(finance_daily_revenue.order_count) AS order_count,
    SUM(finance_daily_revenue.net_reporting_amount) AS net_reporting_amount
FROM mart.finance_daily_revenue
GROUP BY CAST(DATE_TRUNC('month', finance_daily_revenue.revenue_date) AS DATE), finance_daily_revenue.channel_code
ORDER BY month_date, finance_daily_revenue.channel_code
