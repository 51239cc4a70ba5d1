-- One row per customer with a revenue order: what the customer brought so far, less what was refunded.
WITH
sales AS (
    SELECT customer_id, order_id, order_date, COALESCE(net_reporting_amount, 0) AS net_reporting_amount
    FROM core.fact_sales
    WHERE is_revenue
),

first_orders AS (
    SELECT customer_id, MIN(order_date) AS first_order_date
    FROM sales
    GROUP BY customer_id
),

sold AS (
    SELECT
        sales.customer_id,
        first_orders.first_order_date,
        MAX(sales.order_date) AS last_order_date,
        COUNT(DISTINCT sales.order_id) AS order_count,
        SUM(sales.net_reporting_amount) AS net_reporting_amount,
        SUM(
            CASE
                WHEN sales.order_date < DATEADD(day, 30, first_orders.first_order_date) THEN sales.net_reporting_amount
                ELSE 0
            END
        ) AS net_reporting_amount_30_days,
        SUM(
            CASE
                WHEN sales.order_date < DATEADD(day, 90, first_orders.first_order_date) THEN sales.net_reporting_amount
                ELSE 0
            END
        ) AS net_reporting_amount_90_days,
        SUM(
            CASE
                WHEN sales.order_date < DATEADD(day, 365, first_orders.first_order_date) THEN sales.net_reporting_amount
                ELSE 0
            END
        ) AS net_reporting_amount_365_days
    FROM sales
    INNER JOIN first_orders ON first_orders.customer_id = sales.customer_id
    GROUP BY sales.customer_id, first_orders.first_order_date
),

refunded AS (
    SELECT
        customer_id,
        COUNT(refund_id) AS refund_count,
        SUM(COALESCE(refund_reporting_amount, 0)) AS refund_reporting_amount
    FROM core.fact_refunds
    WHERE customer_id IS NOT NULL
    GROUP BY customer_id
)

SELECT
    sold.customer_id,
    sold.first_order_date,
    sold.last_order_date,
    DATEDIFF(day, sold.first_order_date, sold.last_order_date) AS active_days,
    sold.order_count,
    sold.net_reporting_amount,
    COALESCE(refunded.refund_count, 0) AS refund_count,
    COALESCE(refunded.refund_reporting_amount, 0) AS refund_reporting_amount,
    sold.net_reporting_amount - COALESCE(refunded.refund_reporting_amount, 0) AS lifetime_value_amount,
    CAST(ROUND(CAST(sold.net_reporting_amount AS DECIMAL(18, 4)) / sold.order_count, 2) AS DECIMAL(18, 2))
        AS average_order_amount,
    sold.net_reporting_amount_30_days,
    sold.net_reporting_amount_90_days,
    sold.net_reporting_amount_365_days
FROM sold
LEFT JOIN refunded ON refunded.customer_id = sold.customer_id
