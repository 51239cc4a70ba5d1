-- One row per web event, deduplicated upstream. No session here: that join would cost more than the row.
SELECT
    web_events.event_id,
    web_events.event_date,
    web_events.event_at,
    web_events.visitor_id,
    COALESCE(dim_customer.customer_key, unknown_customer.customer_key) AS customer_key,
    web_events.customer_id,
    COALESCE(dim_product.product_key, unknown_product.product_key) AS product_key,
    web_events.product_id,
    web_events.order_id,
    web_events.event_type,
    web_events.page_url,
    web_events.utm_source,
    web_events.utm_medium,
    web_events.utm_campaign,
    web_events.device,
    COALESCE(web_events.device, '') = 'bot' AS is_bot
FROM clean.web_events
LEFT JOIN core.dim_customer
    ON dim_customer.customer_id = web_events.customer_id
    AND web_events.event_at >= dim_customer.effective_from
    AND web_events.event_at < dim_customer.effective_to
LEFT JOIN core.dim_customer AS unknown_customer ON unknown_customer.customer_id = '(unknown)'
LEFT JOIN core.dim_product
    ON dim_product.product_id = web_events.product_id
    AND web_events.event_at >= dim_product.effective_from
    AND web_events.event_at < dim_product.effective_to
LEFT JOIN core.dim_product AS unknown_product ON unknown_product.product_id = '(unknown)'
