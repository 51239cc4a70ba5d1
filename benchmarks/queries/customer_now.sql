-- lookup: one customer as known now.
SELECT
    dim_customer.customer_key,
    dim_customer.customer_id,
    dim_customer.segment,
    dim_customer.loyalty_tier,
    dim_customer.city,
    dim_customer.country_code,
    dim_customer.is_marketing_opt_in,
    dim_customer.effective_from
FROM core.dim_customer
WHERE dim_customer.customer_id = :customer_id AND dim_customer.is_current
