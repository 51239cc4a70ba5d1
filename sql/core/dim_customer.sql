-- The change log of customers. One that only orders mention is inferred from 1900, so that its delivery keeps its key.
WITH
inferred_customers AS (
    SELECT DISTINCT orders.customer_id, TRUE AS is_inferred
    FROM clean.orders
    LEFT JOIN clean.customers ON customers.customer_id = orders.customer_id
    WHERE customers.customer_id IS NULL
    UNION ALL
    -- The unknown member, for facts without a customer. Read from a table, so that the increment can leave it out.
    SELECT channel_code AS customer_id, FALSE AS is_inferred
    FROM core.dim_channel
    WHERE channel_code = '(unknown)'
)

SELECT
    customer_id,
    updated_at AS changed_at,
    delivery_date,
    source_line,
    row_hash,
    segment,
    loyalty_tier,
    street,
    city,
    state,
    postal_code,
    country_code,
    is_marketing_opt_in,
    first_name,
    last_name,
    email,
    phone,
    birth_date,
    gender,
    registered_at,
    FALSE AS is_inferred
FROM clean.customers
UNION ALL
SELECT
    customer_id,
    CAST('1900-01-01 00:00:00' AS TIMESTAMP) AS changed_at,
    CAST('1900-01-01' AS DATE) AS delivery_date,
    CAST(0 AS BIGINT) AS source_line,
    '' AS row_hash,
    CAST(NULL AS VARCHAR(32)) AS segment,
    CAST(NULL AS VARCHAR(16)) AS loyalty_tier,
    CAST(NULL AS VARCHAR(256)) AS street,
    CAST(NULL AS VARCHAR(128)) AS city,
    CAST(NULL AS VARCHAR(128)) AS state,
    CAST(NULL AS VARCHAR(16)) AS postal_code,
    CAST(NULL AS VARCHAR(2)) AS country_code,
    CAST(NULL AS BOOLEAN) AS is_marketing_opt_in,
    CAST(NULL AS VARCHAR(128)) AS first_name,
    CAST(NULL AS VARCHAR(128)) AS last_name,
    CAST(NULL AS VARCHAR(320)) AS email,
    CAST(NULL AS VARCHAR(32)) AS phone,
    CAST(NULL AS DATE) AS birth_date,
    CAST(NULL AS VARCHAR(1)) AS gender,
    CAST(NULL AS TIMESTAMP) AS registered_at,
    is_inferred
FROM inferred_customers
