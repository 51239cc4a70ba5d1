-- lookup: all that the mart knows of one customer.
SELECT
    customer_360.customer_id,
    customer_360.segment,
    customer_360.loyalty_tier,
    customer_360.order_count,
    customer_360.lifetime_value_amount,
    customer_360.favourite_category,
    customer_360.last_order_date,
    customer_360.last_session_date,
    customer_360.rfm_segment
FROM mart.customer_360
WHERE customer_360.customer_id = :customer_id
