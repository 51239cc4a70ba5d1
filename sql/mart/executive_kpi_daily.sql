-- One row per day with any business, beside the same date a year before; without history the comparison is NULL, not 0.
WITH
revenue AS (
    SELECT
        revenue_date AS kpi_date,
        SUM(order_count) AS order_count,
        SUM(cancelled_order_count) AS cancelled_order_count,
        SUM(unit_count) AS unit_count,
        CAST(SUM(net_reporting_amount) AS DECIMAL(18, 2)) AS net_reporting_amount,
        CAST(SUM(refund_reporting_amount) AS DECIMAL(18, 2)) AS refund_reporting_amount
    FROM mart.finance_daily_revenue
    GROUP BY revenue_date
),

traffic AS (
    SELECT
        session_date AS kpi_date,
        SUM(session_count) AS session_count,
        SUM(purchase_session_count) AS purchase_session_count
    FROM mart.web_session_metrics
    GROUP BY session_date
),

newcomers AS (
    SELECT first_order_date AS kpi_date, COUNT(customer_id) AS new_customer_count
    FROM mart.customer_lifetime_value
    GROUP BY first_order_date
),

business_days AS (
    SELECT kpi_date FROM revenue
    UNION
    SELECT kpi_date FROM traffic
),

kpis AS (
    SELECT
        business_days.kpi_date,
        COALESCE(revenue.order_count, 0) AS order_count,
        COALESCE(revenue.cancelled_order_count, 0) AS cancelled_order_count,
        COALESCE(revenue.unit_count, 0) AS unit_count,
        COALESCE(revenue.net_reporting_amount, 0) AS net_reporting_amount,
        COALESCE(revenue.refund_reporting_amount, 0) AS refund_reporting_amount,
        COALESCE(newcomers.new_customer_count, 0) AS new_customer_count,
        COALESCE(traffic.session_count, 0) AS session_count,
        COALESCE(traffic.purchase_session_count, 0) AS purchase_session_count
    FROM business_days
    LEFT JOIN revenue ON revenue.kpi_date = business_days.kpi_date
    LEFT JOIN traffic ON traffic.kpi_date = business_days.kpi_date
    LEFT JOIN newcomers ON newcomers.kpi_date = business_days.kpi_date
)

SELECT
    this_year.kpi_date,
    this_year.order_count,
    this_year.cancelled_order_count,
    this_year.unit_count,
    this_year.net_reporting_amount,
    this_year.refund_reporting_amount,
    this_year.net_reporting_amount - this_year.refund_reporting_amount AS net_after_refund_reporting_amount,
    CAST(
        CAST(this_year.net_reporting_amount AS DECIMAL(18, 4)) / NULLIF(this_year.order_count, 0) AS DECIMAL(18, 2)
    ) AS average_order_amount,
    this_year.new_customer_count,
    this_year.session_count,
    CAST(
        CAST(this_year.purchase_session_count AS DECIMAL(18, 4)) / NULLIF(this_year.session_count, 0) AS DECIMAL(9, 6)
    ) AS conversion_rate,
    last_year.order_count AS previous_year_order_count,
    last_year.net_reporting_amount AS previous_year_net_reporting_amount,
    last_year.session_count AS previous_year_session_count,
    CAST(
        CAST(this_year.order_count - last_year.order_count AS DECIMAL(18, 4)) * 100
        / NULLIF(last_year.order_count, 0) AS DECIMAL(18, 4)
    ) AS order_yoy_pct,
    CAST(
        CAST(this_year.net_reporting_amount - last_year.net_reporting_amount AS DECIMAL(18, 4)) * 100
        / NULLIF(last_year.net_reporting_amount, 0) AS DECIMAL(18, 4)
    ) AS net_reporting_yoy_pct
FROM kpis AS this_year
LEFT JOIN kpis AS last_year
    ON last_year.kpi_date = CAST(DATEADD(year, -1, this_year.kpi_date) AS DATE)
