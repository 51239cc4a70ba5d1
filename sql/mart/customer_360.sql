-- One row per customer as known now. Recency counts from the last order in the data, not from the clock; 5 is best.
WITH
last_day AS (
    SELECT MAX(order_date) AS as_of_date FROM core.fact_sales
),

visits AS (
    SELECT
        customer_id,
        COUNT(session_id) AS session_count,
        MAX(session_date) AS last_session_date
    FROM core.fact_sessions
    WHERE customer_id IS NOT NULL AND NOT is_bot
    GROUP BY customer_id
),

favourites AS (
    SELECT
        fact_sales.customer_id,
        COALESCE(dim_product.category, '(unknown)') AS category,
        ROW_NUMBER() OVER (
            PARTITION BY fact_sales.customer_id
            ORDER BY SUM(fact_sales.quantity) DESC, COALESCE(dim_product.category, '(unknown)')
        ) AS category_rank
    FROM core.fact_sales
    INNER JOIN core.dim_product ON dim_product.product_key = fact_sales.product_key
    WHERE fact_sales.is_revenue
    GROUP BY fact_sales.customer_id, COALESCE(dim_product.category, '(unknown)')
),

values_to_date AS (
    SELECT
        customer_lifetime_value.customer_id,
        customer_lifetime_value.first_order_date,
        customer_lifetime_value.last_order_date,
        customer_lifetime_value.order_count,
        customer_lifetime_value.lifetime_value_amount,
        customer_lifetime_value.average_order_amount,
        DATEDIFF(day, customer_lifetime_value.last_order_date, last_day.as_of_date) AS recency_days
    FROM mart.customer_lifetime_value
    CROSS JOIN last_day
),

scores AS (
    SELECT
        customer_id,
        first_order_date,
        last_order_date,
        order_count,
        lifetime_value_amount,
        average_order_amount,
        recency_days,
        NTILE(5) OVER (ORDER BY recency_days DESC, customer_id) AS recency_score,
        NTILE(5) OVER (ORDER BY order_count, customer_id) AS frequency_score,
        NTILE(5) OVER (ORDER BY lifetime_value_amount, customer_id) AS monetary_score
    FROM values_to_date
)

SELECT
    dim_customer.customer_id,
    dim_customer.customer_key,
    dim_customer.segment,
    dim_customer.loyalty_tier,
    dim_customer.city,
    dim_customer.state,
    dim_customer.country_code,
    COALESCE(dim_customer.is_marketing_opt_in, FALSE) AS is_marketing_opt_in,
    dim_customer.registered_at,
    dim_customer.is_inferred,
    scores.first_order_date,
    scores.last_order_date,
    COALESCE(scores.order_count, 0) AS order_count,
    COALESCE(scores.lifetime_value_amount, 0) AS lifetime_value_amount,
    scores.average_order_amount,
    favourites.category AS favourite_category,
    COALESCE(visits.session_count, 0) AS session_count,
    visits.last_session_date,
    scores.recency_days,
    scores.recency_score,
    scores.frequency_score,
    scores.monetary_score,
    CASE
        WHEN scores.customer_id IS NULL THEN 'prospect'
        WHEN scores.recency_score >= 4 AND scores.frequency_score >= 4 THEN 'champion'
        WHEN scores.recency_score >= 4 AND scores.order_count = 1 THEN 'new'
        WHEN scores.recency_score >= 3 AND scores.frequency_score >= 3 THEN 'loyal'
        WHEN scores.recency_score >= 3 THEN 'promising'
        WHEN scores.frequency_score >= 4 THEN 'at_risk'
        ELSE 'hibernating'
    END AS rfm_segment
FROM core.dim_customer
LEFT JOIN scores ON scores.customer_id = dim_customer.customer_id
LEFT JOIN favourites ON favourites.customer_id = dim_customer.customer_id AND favourites.category_rank = 1
LEFT JOIN visits ON visits.customer_id = dim_customer.customer_id
WHERE dim_customer.is_current AND dim_customer.customer_id <> '(unknown)'
