-- One row per pair bought together in two orders and in one of 2,000; a product twice in an order counts once.
WITH
order_lines AS (
    SELECT order_id, product_id
    FROM core.fact_sales
    WHERE is_revenue
),

all_orders AS (
    SELECT COUNT(DISTINCT order_id) AS order_count FROM order_lines
),

product_lines AS (
    SELECT product_id, COUNT(order_id) AS line_count
    FROM order_lines
    GROUP BY product_id
),

-- A pair is never bought more often than either of its products: rarer products need no partner.
baskets AS (
    SELECT DISTINCT order_lines.order_id, order_lines.product_id
    FROM order_lines
    INNER JOIN product_lines ON product_lines.product_id = order_lines.product_id
    CROSS JOIN all_orders
    WHERE product_lines.line_count >= 2 AND product_lines.line_count * 2000 >= all_orders.order_count
),

product_orders AS (
    SELECT product_id, COUNT(order_id) AS order_count
    FROM baskets
    GROUP BY product_id
),

pairs AS (
    SELECT
        first_item.product_id,
        second_item.product_id AS other_product_id,
        COUNT(first_item.order_id) AS pair_order_count
    FROM baskets AS first_item
    INNER JOIN baskets AS second_item
        ON second_item.order_id = first_item.order_id
        AND second_item.product_id > first_item.product_id
    GROUP BY first_item.product_id, second_item.product_id
    HAVING COUNT(first_item.order_id) >= 2
)

SELECT
    pairs.product_id,
    pairs.other_product_id,
    pairs.pair_order_count,
    first_product.order_count AS product_order_count,
    second_product.order_count AS other_product_order_count,
    all_orders.order_count AS total_order_count,
    CAST(CAST(pairs.pair_order_count AS DECIMAL(18, 4)) / all_orders.order_count AS DECIMAL(18, 9)) AS support,
    CAST(CAST(pairs.pair_order_count AS DECIMAL(18, 4)) / first_product.order_count AS DECIMAL(18, 9)) AS confidence,
    CAST(CAST(pairs.pair_order_count AS DECIMAL(18, 4)) / second_product.order_count AS DECIMAL(18, 9))
        AS other_confidence,
    CAST(
        CAST(CAST(pairs.pair_order_count AS DECIMAL(18, 0)) * all_orders.order_count AS DECIMAL(20, 0))
        / (CAST(first_product.order_count AS DECIMAL(18, 0)) * second_product.order_count) AS DECIMAL(18, 6)
    ) AS lift
FROM pairs
INNER JOIN product_orders AS first_product ON first_product.product_id = pairs.product_id
INNER JOIN product_orders AS second_product ON second_product.product_id = pairs.other_product_id
CROSS JOIN all_orders
-- Rarer pairs are chance, and there are millions of them.
WHERE pairs.pair_order_count * 2000 >= all_orders.order_count
