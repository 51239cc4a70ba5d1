-- One row per order line. Header amounts go to the lines by largest remainder: lines sum to the header to the cent.
WITH
lines AS (
    SELECT
        order_items.order_item_id,
        order_items.order_id,
        order_items.line_number,
        order_items.product_id,
        order_items.quantity,
        order_items.unit_price,
        CAST(order_items.quantity * order_items.unit_price AS DECIMAL(18, 2)) AS gross_amount,
        CAST(order_items.quantity * order_items.unit_price * 100 AS BIGINT) AS gross_cents,
        orders.customer_id,
        orders.ordered_at,
        orders.order_date,
        orders.status AS order_status,
        orders.status = 'cancelled' AS is_cancelled,
        orders.channel AS channel_code,
        orders.promotion_code,
        orders.currency_code,
        orders.ship_postal_code,
        orders.ship_country_code,
        orders.discount_amount AS order_discount_amount,
        orders.shipping_amount AS order_shipping_amount,
        orders.tax_amount AS order_tax_amount
    FROM clean.order_items
    INNER JOIN clean.orders ON orders.order_id = order_items.order_id
),

-- What is shared out, in cents, one row per line and header amount. Nothing has no shares; of tax each line has one.
header_amounts AS (
    SELECT
        order_item_id,
        order_id,
        gross_cents,
        'discount' AS part,
        CAST(order_discount_amount * 100 AS BIGINT) AS cents
    FROM lines
    WHERE order_discount_amount <> 0
    UNION ALL
    SELECT
        order_item_id,
        order_id,
        gross_cents,
        'shipping' AS part,
        CAST(order_shipping_amount * 100 AS BIGINT) AS cents
    FROM lines
    WHERE order_shipping_amount <> 0
    UNION ALL
    SELECT
        order_item_id,
        order_id,
        gross_cents,
        'tax' AS part,
        CAST(order_tax_amount * 100 AS BIGINT) AS cents
    FROM lines
),

order_weights AS (
    SELECT
        order_item_id,
        order_id,
        part,
        cents,
        gross_cents,
        SUM(gross_cents) OVER (PARTITION BY order_id, part) AS order_gross_cents,
        COUNT(order_item_id) OVER (PARTITION BY order_id, part) AS order_line_count
    FROM header_amounts
),

-- An order whose lines are all free shares equally. Decimals of 19 digits: cents times cents overflow a bigint.
weights AS (
    SELECT
        order_item_id,
        order_id,
        part,
        cents,
        CAST(CASE WHEN order_gross_cents = 0 THEN 1 ELSE gross_cents END AS DECIMAL(19, 0)) AS weight,
        CAST(CASE WHEN order_gross_cents = 0 THEN order_line_count ELSE order_gross_cents END AS DECIMAL(19, 0))
            AS order_weight
    FROM order_weights
),

remainders AS (
    SELECT
        order_item_id,
        order_id,
        part,
        cents,
        order_weight,
        CAST(cents AS DECIMAL(19, 0)) * weight AS weighted_cents,
        MOD(CAST(cents AS DECIMAL(19, 0)) * weight, order_weight) AS remainder
    FROM weights
),

-- Without its remainder the dividend is a multiple of the divisor, so that the quotient is whole on every engine.
floors AS (
    SELECT
        order_item_id,
        order_id,
        part,
        cents,
        CAST(ROUND(CAST(weighted_cents - remainder AS DECIMAL(38, 0)) / order_weight, 0) AS BIGINT) AS floor_cents,
        ROW_NUMBER() OVER (PARTITION BY order_id, part ORDER BY remainder DESC, order_item_id) AS remainder_rank
    FROM remainders
),

shares AS (
    SELECT
        order_item_id,
        part,
        floor_cents + CASE
            WHEN remainder_rank <= cents - SUM(floor_cents) OVER (PARTITION BY order_id, part) THEN 1
            ELSE 0
        END AS share_cents
    FROM floors
),

allocated AS (
    SELECT
        order_item_id,
        CAST(SUM(CASE WHEN part = 'discount' THEN share_cents ELSE 0 END) AS BIGINT) AS discount_cents,
        CAST(SUM(CASE WHEN part = 'shipping' THEN share_cents ELSE 0 END) AS BIGINT) AS shipping_cents,
        CAST(SUM(CASE WHEN part = 'tax' THEN share_cents ELSE 0 END) AS BIGINT) AS tax_cents
    FROM shares
    GROUP BY order_item_id
),

priced AS (
    SELECT
        lines.order_item_id,
        lines.order_id,
        lines.line_number,
        lines.product_id,
        lines.quantity,
        lines.unit_price,
        lines.gross_amount,
        CAST(allocated.discount_cents * CAST(0.01 AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS discount_amount,
        CAST(allocated.shipping_cents * CAST(0.01 AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS shipping_amount,
        CAST(allocated.tax_cents * CAST(0.01 AS DECIMAL(3, 2)) AS DECIMAL(18, 2)) AS tax_amount,
        lines.customer_id,
        lines.ordered_at,
        lines.order_date,
        lines.order_status,
        lines.is_cancelled,
        lines.channel_code,
        lines.promotion_code,
        lines.currency_code,
        lines.ship_postal_code,
        lines.ship_country_code
    FROM lines
    INNER JOIN allocated ON allocated.order_item_id = lines.order_item_id
),

keyed AS (
    SELECT
        priced.order_item_id,
        priced.order_id,
        priced.line_number,
        priced.order_date,
        priced.ordered_at,
        COALESCE(dim_customer.customer_key, unknown_customer.customer_key) AS customer_key,
        priced.customer_id,
        COALESCE(dim_product.product_key, unknown_product.product_key) AS product_key,
        priced.product_id,
        COALESCE(dim_geography.geography_key, 0) AS geography_key,
        priced.ship_country_code,
        COALESCE(dim_channel.channel_key, 0) AS channel_key,
        priced.channel_code,
        COALESCE(dim_promotion.promotion_key, 0) AS promotion_key,
        priced.promotion_code,
        priced.order_status,
        priced.is_cancelled,
        priced.quantity,
        priced.unit_price,
        priced.gross_amount,
        priced.discount_amount,
        priced.gross_amount - priced.discount_amount AS net_amount,
        priced.tax_amount,
        priced.shipping_amount,
        priced.currency_code,
        CAST(
            CASE WHEN priced.currency_code = :reporting_currency THEN 1 ELSE sale_rate.fx_rate END AS DECIMAL(18, 6)
        ) AS fx_rate,
        CAST(priced.quantity * dim_product.cost_price AS DECIMAL(18, 2)) AS cost_amount,
        CAST(
            CASE WHEN dim_product.currency_code = :reporting_currency THEN 1 ELSE cost_rate.fx_rate END
            AS DECIMAL(18, 6)
        ) AS cost_fx_rate
    FROM priced
    LEFT JOIN core.dim_customer
        ON dim_customer.customer_id = priced.customer_id
        AND priced.ordered_at >= dim_customer.effective_from
        AND priced.ordered_at < dim_customer.effective_to
    LEFT JOIN core.dim_customer AS unknown_customer ON unknown_customer.customer_id = '(unknown)'
    LEFT JOIN core.dim_product
        ON dim_product.product_id = priced.product_id
        AND priced.ordered_at >= dim_product.effective_from
        AND priced.ordered_at < dim_product.effective_to
    LEFT JOIN core.dim_product AS unknown_product ON unknown_product.product_id = '(unknown)'
    LEFT JOIN core.dim_geography
        ON dim_geography.country_code = priced.ship_country_code
        AND dim_geography.postal_code = priced.ship_postal_code
    LEFT JOIN core.dim_channel ON dim_channel.channel_code = priced.channel_code
    LEFT JOIN core.dim_promotion ON dim_promotion.promotion_code = priced.promotion_code
    LEFT JOIN core.dim_exchange_rate AS sale_rate
        ON sale_rate.rate_date = priced.order_date
        AND sale_rate.from_currency_code = priced.currency_code
        AND sale_rate.to_currency_code = :reporting_currency
    LEFT JOIN core.dim_exchange_rate AS cost_rate
        ON cost_rate.rate_date = priced.order_date
        AND cost_rate.from_currency_code = dim_product.currency_code
        AND cost_rate.to_currency_code = :reporting_currency
)

SELECT
    order_item_id,
    order_id,
    line_number,
    order_date,
    ordered_at,
    customer_key,
    customer_id,
    product_key,
    product_id,
    geography_key,
    ship_country_code,
    channel_key,
    channel_code,
    promotion_key,
    promotion_code,
    order_status,
    is_cancelled,
    NOT is_cancelled AS is_revenue,
    quantity,
    unit_price,
    gross_amount,
    discount_amount,
    net_amount,
    tax_amount,
    shipping_amount,
    currency_code,
    fx_rate,
    CAST(ROUND(net_amount * fx_rate, 2) AS DECIMAL(18, 2)) AS net_reporting_amount,
    CAST(ROUND(cost_amount * cost_fx_rate, 2) AS DECIMAL(18, 2)) AS cost_reporting_amount
FROM keyed
