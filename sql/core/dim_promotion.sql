-- One row per promotion code that an order ever used; key 0 is the order without a promotion, not an error.
SELECT
    STRTOL(SUBSTRING(MD5(promotion_code), 1, 15), 16) AS promotion_key,
    promotion_code,
    MIN(order_date) AS first_order_date,
    MAX(order_date) AS last_order_date
FROM clean.orders
WHERE promotion_code IS NOT NULL
GROUP BY promotion_code
UNION ALL
SELECT
    CAST(0 AS BIGINT) AS promotion_key,
    '(none)' AS promotion_code,
    CAST(NULL AS DATE) AS first_order_date,
    CAST(NULL AS DATE) AS last_order_date
