-- One row per session, bots included and flagged; the customer is looked up as of the session's start.
SELECT
    web_sessions.session_id,
    web_sessions.session_date,
    web_sessions.started_at,
    web_sessions.ended_at,
    web_sessions.duration_seconds,
    web_sessions.visitor_id,
    COALESCE(dim_customer.customer_key, unknown_customer.customer_key) AS customer_key,
    web_sessions.customer_id,
    COALESCE(dim_channel.channel_key, 0) AS channel_key,
    web_sessions.channel_code,
    web_sessions.utm_source,
    web_sessions.utm_medium,
    web_sessions.utm_campaign,
    web_sessions.device,
    web_sessions.landing_page_url,
    web_sessions.event_count,
    web_sessions.page_view_count,
    web_sessions.product_view_count,
    web_sessions.add_to_cart_count,
    web_sessions.checkout_count,
    web_sessions.purchase_count,
    web_sessions.order_id,
    web_sessions.is_bot,
    web_sessions.event_count = 1 AS is_bounce,
    web_sessions.has_purchase
FROM curated.web_sessions
LEFT JOIN core.dim_customer
    ON dim_customer.customer_id = web_sessions.customer_id
    AND web_sessions.started_at >= dim_customer.effective_from
    AND web_sessions.started_at < dim_customer.effective_to
LEFT JOIN core.dim_customer AS unknown_customer ON unknown_customer.customer_id = '(unknown)'
LEFT JOIN core.dim_channel ON dim_channel.channel_code = web_sessions.channel_code
