-- One row per day, currency and sales channel. Sales count on the order's day, refunds on their own day.
WITH
sales AS (
    SELECT
        order_date AS revenue_date,
        currency_code,
        channel_code,
        COUNT(DISTINCT CASE WHEN is_revenue THEN order_id END) AS order_count,
        COUNT(DISTINCT CASE WHEN is_cancelled THEN order_id END) AS cancelled_order_count,
        SUM(CASE WHEN is_revenue THEN quantity ELSE 0 END) AS unit_count,
        SUM(CASE WHEN is_revenue THEN gross_amount ELSE 0 END) AS gross_amount,
        SUM(CASE WHEN is_revenue THEN discount_amount ELSE 0 END) AS discount_amount,
        SUM(CASE WHEN is_revenue THEN net_amount ELSE 0 END) AS net_amount,
        SUM(CASE WHEN is_revenue THEN tax_amount ELSE 0 END) AS tax_amount,
        SUM(CASE WHEN is_revenue THEN shipping_amount ELSE 0 END) AS shipping_amount,
        SUM(CASE WHEN is_cancelled THEN net_amount ELSE 0 END) AS cancelled_amount,
        SUM(CASE WHEN is_revenue THEN COALESCE(net_reporting_amount, 0) ELSE 0 END) AS net_reporting_amount,
        SUM(CASE WHEN is_revenue AND net_reporting_amount IS NULL THEN 1 ELSE 0 END) AS unconverted_count
    FROM core.fact_sales
    GROUP BY order_date, currency_code, channel_code
),

refunds AS (
    SELECT
        refund_date AS revenue_date,
        currency_code,
        COALESCE(channel_code, '(unknown)') AS channel_code,
        COUNT(refund_id) AS refund_count,
        SUM(refund_amount) AS refund_amount,
        SUM(COALESCE(refund_reporting_amount, 0)) AS refund_reporting_amount,
        SUM(CASE WHEN refund_reporting_amount IS NULL THEN 1 ELSE 0 END) AS unconverted_count
    FROM core.fact_refunds
    GROUP BY refund_date, currency_code, COALESCE(channel_code, '(unknown)')
),

revenue_days AS (
    SELECT revenue_date, currency_code, channel_code FROM sales
    UNION
    SELECT revenue_date, currency_code, channel_code FROM refunds
)

SELECT
    days.revenue_date,
    days.currency_code,
    days.channel_code,
    COALESCE(sales.order_count, 0) AS order_count,
    COALESCE(sales.cancelled_order_count, 0) AS cancelled_order_count,
    COALESCE(sales.unit_count, 0) AS unit_count,
    COALESCE(sales.gross_amount, 0) AS gross_amount,
    COALESCE(sales.discount_amount, 0) AS discount_amount,
    COALESCE(sales.net_amount, 0) AS net_amount,
    COALESCE(sales.tax_amount, 0) AS tax_amount,
    COALESCE(sales.shipping_amount, 0) AS shipping_amount,
    COALESCE(sales.cancelled_amount, 0) AS cancelled_amount,
    COALESCE(refunds.refund_count, 0) AS refund_count,
    COALESCE(refunds.refund_amount, 0) AS refund_amount,
    COALESCE(sales.net_amount, 0) - COALESCE(refunds.refund_amount, 0) AS net_after_refund_amount,
    COALESCE(sales.net_reporting_amount, 0) AS net_reporting_amount,
    COALESCE(refunds.refund_reporting_amount, 0) AS refund_reporting_amount,
    COALESCE(sales.net_reporting_amount, 0) - COALESCE(refunds.refund_reporting_amount, 0)
        AS net_after_refund_reporting_amount,
    COALESCE(sales.unconverted_count, 0) + COALESCE(refunds.unconverted_count, 0) AS unconverted_count
FROM revenue_days AS days
LEFT JOIN sales
    ON sales.revenue_date = days.revenue_date
    AND sales.currency_code = days.currency_code
    AND sales.channel_code = days.channel_code
LEFT JOIN refunds
    ON refunds.revenue_date = days.revenue_date
    AND refunds.currency_code = days.currency_code
    AND refunds.channel_code = days.channel_code
