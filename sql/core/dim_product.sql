-- The change log of products. One that only lines or stock mention is inferred from 1900: its delivery keeps its key.
WITH
mentioned_products AS (
    SELECT product_id FROM clean.order_items
    UNION
    SELECT product_id FROM clean.inventory_movements
),

inferred_products AS (
    SELECT mentioned_products.product_id, TRUE AS is_inferred
    FROM mentioned_products
    LEFT JOIN clean.products ON products.product_id = mentioned_products.product_id
    WHERE products.product_id IS NULL
    UNION ALL
    -- The unknown member, for facts without a product. Read from a table, so that the increment can leave it out.
    SELECT channel_code AS product_id, FALSE AS is_inferred
    FROM core.dim_channel
    WHERE channel_code = '(unknown)'
)

SELECT
    product_id,
    updated_at AS changed_at,
    delivery_date,
    source_line,
    row_hash,
    category,
    subcategory,
    brand,
    list_price,
    cost_price,
    currency_code,
    is_active,
    sku,
    product_name,
    launched_on,
    FALSE AS is_inferred
FROM clean.products
UNION ALL
SELECT
    product_id,
    CAST('1900-01-01 00:00:00' AS TIMESTAMP) AS changed_at,
    CAST('1900-01-01' AS DATE) AS delivery_date,
    CAST(0 AS BIGINT) AS source_line,
    '' AS row_hash,
    CAST(NULL AS VARCHAR(64)) AS category,
    CAST(NULL AS VARCHAR(64)) AS subcategory,
    CAST(NULL AS VARCHAR(128)) AS brand,
    CAST(NULL AS DECIMAL(18, 2)) AS list_price,
    CAST(NULL AS DECIMAL(18, 2)) AS cost_price,
    CAST(NULL AS VARCHAR(3)) AS currency_code,
    CAST(NULL AS BOOLEAN) AS is_active,
    CAST(NULL AS VARCHAR(64)) AS sku,
    CAST(NULL AS VARCHAR(256)) AS product_name,
    CAST(NULL AS DATE) AS launched_on,
    is_inferred
FROM inferred_products
