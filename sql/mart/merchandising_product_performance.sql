-- One row per product: life to date and the last 30 days of the data (not of the clock), attributes as they are now.
WITH
last_day AS (
    SELECT CAST(DATEADD(day, -30, MAX(order_date)) AS DATE) AS before_date FROM core.fact_sales
),

sales AS (
    SELECT
        fact_sales.product_id,
        MIN(fact_sales.order_date) AS first_sold_date,
        MAX(fact_sales.order_date) AS last_sold_date,
        COUNT(DISTINCT fact_sales.order_id) AS order_count,
        SUM(fact_sales.quantity) AS unit_count,
        SUM(COALESCE(fact_sales.net_reporting_amount, 0)) AS net_reporting_amount,
        SUM(
            CASE
                WHEN fact_sales.net_reporting_amount IS NOT NULL AND fact_sales.cost_reporting_amount IS NOT NULL
                    THEN fact_sales.net_reporting_amount - fact_sales.cost_reporting_amount
                ELSE 0
            END
        ) AS margin_reporting_amount
    FROM core.fact_sales
    WHERE fact_sales.is_revenue
    GROUP BY fact_sales.product_id
),

-- By a join on the day, for which an engine reads the blocks of these days only.
recent_sales AS (
    SELECT
        fact_sales.product_id,
        SUM(fact_sales.quantity) AS unit_count,
        SUM(COALESCE(fact_sales.net_reporting_amount, 0)) AS net_reporting_amount
    FROM core.fact_sales
    INNER JOIN last_day ON fact_sales.order_date > last_day.before_date
    WHERE fact_sales.is_revenue
    GROUP BY fact_sales.product_id
),

refunds AS (
    SELECT
        product_id,
        COUNT(refund_id) AS refund_count,
        SUM(COALESCE(refund_reporting_amount, 0)) AS refund_reporting_amount
    FROM core.fact_refunds
    WHERE product_id IS NOT NULL
    GROUP BY product_id
),

interest AS (
    SELECT
        product_id,
        SUM(CASE WHEN event_type = 'product_view' THEN 1 ELSE 0 END) AS view_count,
        SUM(CASE WHEN event_type = 'add_to_cart' THEN 1 ELSE 0 END) AS add_to_cart_count
    FROM core.fact_web_events
    WHERE product_id IS NOT NULL AND NOT is_bot
    GROUP BY product_id
),

products AS (
    SELECT
        dim_product.product_id,
        dim_product.product_name,
        dim_product.category,
        dim_product.subcategory,
        dim_product.brand,
        dim_product.is_active,
        sales.first_sold_date,
        sales.last_sold_date,
        COALESCE(sales.order_count, 0) AS order_count,
        COALESCE(sales.unit_count, 0) AS unit_count,
        CAST(COALESCE(sales.net_reporting_amount, 0) AS DECIMAL(18, 2)) AS net_reporting_amount,
        CAST(COALESCE(sales.margin_reporting_amount, 0) AS DECIMAL(18, 2)) AS margin_reporting_amount,
        COALESCE(recent_sales.unit_count, 0) AS unit_count_30_days,
        CAST(COALESCE(recent_sales.net_reporting_amount, 0) AS DECIMAL(18, 2)) AS net_reporting_amount_30_days,
        COALESCE(refunds.refund_count, 0) AS refund_count,
        CAST(COALESCE(refunds.refund_reporting_amount, 0) AS DECIMAL(18, 2)) AS refund_reporting_amount,
        COALESCE(interest.view_count, 0) AS view_count,
        COALESCE(interest.add_to_cart_count, 0) AS add_to_cart_count
    FROM core.dim_product
    LEFT JOIN sales ON sales.product_id = dim_product.product_id
    LEFT JOIN recent_sales ON recent_sales.product_id = dim_product.product_id
    LEFT JOIN refunds ON refunds.product_id = dim_product.product_id
    LEFT JOIN interest ON interest.product_id = dim_product.product_id
    WHERE dim_product.is_current AND dim_product.product_id <> '(unknown)'
),

-- The share of revenue that better products have made already: a product at 79 % is still A.
ranked AS (
    SELECT
        product_id,
        product_name,
        category,
        subcategory,
        brand,
        is_active,
        first_sold_date,
        last_sold_date,
        order_count,
        unit_count,
        net_reporting_amount,
        margin_reporting_amount,
        unit_count_30_days,
        net_reporting_amount_30_days,
        refund_count,
        refund_reporting_amount,
        view_count,
        add_to_cart_count,
        ROW_NUMBER() OVER (ORDER BY net_reporting_amount DESC, product_id) AS revenue_rank,
        SUM(net_reporting_amount) OVER (ORDER BY net_reporting_amount DESC, product_id ROWS UNBOUNDED PRECEDING)
            - net_reporting_amount AS better_reporting_amount,
        SUM(net_reporting_amount) OVER () AS all_reporting_amount
    FROM products
)

SELECT
    product_id,
    product_name,
    category,
    subcategory,
    brand,
    is_active,
    first_sold_date,
    last_sold_date,
    order_count,
    unit_count,
    net_reporting_amount,
    margin_reporting_amount,
    CAST(CAST(margin_reporting_amount AS DECIMAL(18, 4)) / NULLIF(net_reporting_amount, 0) AS DECIMAL(18, 6))
        AS margin_rate,
    unit_count_30_days,
    net_reporting_amount_30_days,
    refund_count,
    refund_reporting_amount,
    CAST(CAST(refund_reporting_amount AS DECIMAL(18, 4)) / NULLIF(net_reporting_amount, 0) AS DECIMAL(18, 6))
        AS refund_rate,
    view_count,
    add_to_cart_count,
    revenue_rank,
    CASE
        WHEN net_reporting_amount <= 0 THEN 'D'
        WHEN better_reporting_amount < all_reporting_amount * CAST(0.80 AS DECIMAL(3, 2)) THEN 'A'
        WHEN better_reporting_amount < all_reporting_amount * CAST(0.95 AS DECIMAL(3, 2)) THEN 'B'
        ELSE 'C'
    END AS abc_class
FROM ranked
