-- One row per session: a pause of more than 30 minutes closes one, 3 days cut one, whatever order events came in.
WITH
ordered_events AS (
    SELECT
        event_id,
        visitor_id,
        customer_id,
        event_type,
        event_at,
        event_date,
        page_url,
        order_id,
        utm_source,
        utm_medium,
        utm_campaign,
        device,
        LOWER(COALESCE(user_agent, '')) AS agent,
        ROW_NUMBER() OVER (PARTITION BY visitor_id ORDER BY event_at, event_id) AS event_position,
        LAG(event_at) OVER (PARTITION BY visitor_id ORDER BY event_at, event_id) AS previous_event_at,
        LAG(event_at, 30) OVER (PARTITION BY visitor_id ORDER BY event_at, event_id) AS thirtieth_before_at
    FROM clean.web_events
),

flagged_events AS (
    SELECT
        event_id,
        visitor_id,
        customer_id,
        event_type,
        event_at,
        event_date,
        page_url,
        order_id,
        utm_source,
        utm_medium,
        utm_campaign,
        device,
        CASE
            WHEN device = 'bot' THEN 1
            WHEN agent LIKE '%bot%' OR agent LIKE '%crawler%' OR agent LIKE '%spider%' THEN 1
            WHEN agent LIKE '%headless%' OR agent LIKE '%python-requests%' OR agent LIKE 'curl/%' THEN 1
            ELSE 0
        END AS is_agent_bot,
        event_position,
        thirtieth_before_at,
        CASE
            WHEN previous_event_at IS NULL THEN 1
            WHEN event_at > DATEADD(minute, 30, previous_event_at) THEN 1
            ELSE 0
        END AS opens_visit
    FROM ordered_events
),

-- Instants only grow, so that the latest opening up to an event is that of its own visit.
numbered_visits AS (
    SELECT
        event_id,
        visitor_id,
        customer_id,
        event_type,
        event_at,
        event_date,
        page_url,
        order_id,
        utm_source,
        utm_medium,
        utm_campaign,
        device,
        is_agent_bot,
        event_position,
        thirtieth_before_at,
        SUM(opens_visit) OVER (PARTITION BY visitor_id ORDER BY event_position ROWS UNBOUNDED PRECEDING)
            AS visit_number,
        MAX(CASE WHEN opens_visit = 1 THEN event_at END)
            OVER (PARTITION BY visitor_id ORDER BY event_position ROWS UNBOUNDED PRECEDING)
            AS visit_started_at
    FROM flagged_events
),

-- 259,200 seconds are 3 days: a visit that never pauses becomes one session per 3 days from its own start.
parted_visits AS (
    SELECT
        event_id,
        visitor_id,
        customer_id,
        event_type,
        event_at,
        event_date,
        page_url,
        order_id,
        utm_source,
        utm_medium,
        utm_campaign,
        device,
        is_agent_bot,
        event_position,
        visit_number,
        CASE
            WHEN DATEDIFF(second, visit_started_at, event_at) < 259200 THEN 0
            ELSE CAST(FLOOR(CAST(DATEDIFF(second, visit_started_at, event_at) AS DECIMAL(18, 6)) / 259200) AS BIGINT)
        END AS part_number,
        CASE
            WHEN DATE_TRUNC('minute', thirtieth_before_at) = DATE_TRUNC('minute', event_at)
                THEN CAST(
                    FLOOR(CAST(DATEDIFF(second, visit_started_at, thirtieth_before_at) AS DECIMAL(18, 6)) / 259200)
                    AS BIGINT
                )
        END AS part_of_thirtieth_before
    FROM numbered_visits
),

-- The positions of the events that speak for their session: first, landing, first touch, last customer, last order.
-- More than 30 events in a minute: the thirtieth before an event lies in its minute and in its session.
session_events AS (
    SELECT
        event_id,
        visitor_id,
        customer_id,
        event_type,
        event_at,
        event_date,
        page_url,
        order_id,
        utm_source,
        utm_medium,
        utm_campaign,
        device,
        CASE WHEN is_agent_bot = 1 OR part_of_thirtieth_before = part_number THEN 1 ELSE 0 END AS is_bot_sign,
        event_position,
        visit_number,
        part_number,
        MIN(event_position) OVER (PARTITION BY visitor_id, visit_number, part_number) AS first_position,
        MIN(CASE WHEN page_url IS NOT NULL THEN event_position END)
            OVER (PARTITION BY visitor_id, visit_number, part_number) AS landing_position,
        MIN(CASE WHEN COALESCE(utm_source, utm_medium, utm_campaign) IS NOT NULL THEN event_position END)
            OVER (PARTITION BY visitor_id, visit_number, part_number) AS touch_position,
        MAX(CASE WHEN customer_id IS NOT NULL THEN event_position END)
            OVER (PARTITION BY visitor_id, visit_number, part_number) AS customer_position,
        MAX(CASE WHEN event_type = 'purchase' AND order_id IS NOT NULL THEN event_position END)
            OVER (PARTITION BY visitor_id, visit_number, part_number) AS order_position
    FROM parted_visits
),

sessions AS (
    SELECT
        visitor_id,
        visit_number,
        part_number,
        MIN(CASE WHEN event_position = first_position THEN event_id END) AS first_event_id,
        MIN(CASE WHEN event_position = first_position THEN event_date END) AS session_date,
        MIN(CASE WHEN event_position = first_position THEN device END) AS device,
        MIN(CASE WHEN event_position = landing_position THEN page_url END) AS landing_page_url,
        MIN(CASE WHEN event_position = touch_position THEN utm_source END) AS utm_source,
        MIN(CASE WHEN event_position = touch_position THEN utm_medium END) AS utm_medium,
        MIN(CASE WHEN event_position = touch_position THEN utm_campaign END) AS utm_campaign,
        MIN(CASE WHEN event_position = customer_position THEN customer_id END) AS customer_id,
        MIN(CASE WHEN event_position = order_position THEN order_id END) AS order_id,
        MIN(event_at) AS started_at,
        MAX(event_at) AS ended_at,
        COUNT(event_id) AS event_count,
        SUM(CASE WHEN event_type = 'page_view' THEN 1 ELSE 0 END) AS page_view_count,
        SUM(CASE WHEN event_type = 'product_view' THEN 1 ELSE 0 END) AS product_view_count,
        SUM(CASE WHEN event_type = 'add_to_cart' THEN 1 ELSE 0 END) AS add_to_cart_count,
        SUM(CASE WHEN event_type = 'checkout' THEN 1 ELSE 0 END) AS checkout_count,
        SUM(CASE WHEN event_type = 'purchase' THEN 1 ELSE 0 END) AS purchase_count,
        MAX(is_bot_sign) AS bot_signs
    FROM session_events
    GROUP BY visitor_id, visit_number, part_number
),

touched_sessions AS (
    SELECT
        visitor_id,
        first_event_id,
        session_date,
        device,
        landing_page_url,
        utm_source,
        utm_medium,
        utm_campaign,
        customer_id,
        order_id,
        started_at,
        ended_at,
        event_count,
        page_view_count,
        product_view_count,
        add_to_cart_count,
        checkout_count,
        purchase_count,
        bot_signs,
        LOWER(COALESCE(utm_source, '')) AS touch_source,
        LOWER(COALESCE(utm_medium, '')) AS touch_medium
    FROM sessions
)

SELECT
    MD5(visitor_id || '|' || first_event_id) AS session_id,
    visitor_id,
    customer_id,
    started_at,
    ended_at,
    session_date,
    CAST(DATEDIFF(second, started_at, ended_at) AS INTEGER) AS duration_seconds,
    CAST(event_count AS INTEGER) AS event_count,
    CAST(page_view_count AS INTEGER) AS page_view_count,
    CAST(product_view_count AS INTEGER) AS product_view_count,
    CAST(add_to_cart_count AS INTEGER) AS add_to_cart_count,
    CAST(checkout_count AS INTEGER) AS checkout_count,
    CAST(purchase_count AS INTEGER) AS purchase_count,
    order_id,
    utm_source,
    utm_medium,
    utm_campaign,
    CASE
        WHEN COALESCE(utm_source, utm_medium, utm_campaign) IS NULL THEN 'direct'
        WHEN touch_medium = 'affiliate' OR touch_source = 'affiliate' THEN 'affiliate'
        WHEN touch_medium IN ('cpc', 'ppc', 'paid_search', 'sem') THEN 'paid_search'
        WHEN touch_medium IN ('paid_social', 'paidsocial', 'social_paid') THEN 'paid_social'
        WHEN touch_medium IN ('display', 'banner', 'cpm') THEN 'display'
        WHEN touch_medium IN ('email', 'newsletter') THEN 'email'
        WHEN touch_medium IN ('sms', 'push') THEN 'messaging'
        WHEN touch_medium IN ('organic', 'seo') THEN 'organic_search'
        WHEN touch_medium IN ('social', 'organic_social') THEN 'organic_social'
        WHEN touch_medium = 'referral' THEN 'referral'
        ELSE 'other'
    END AS channel_code,
    device,
    bot_signs = 1 AS is_bot,
    purchase_count > 0 AS has_purchase,
    landing_page_url
FROM touched_sessions
