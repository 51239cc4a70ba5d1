-- funnel: visitors who came to each step on the days of a month, from single events, without bots.
WITH
visitor_days AS (
    SELECT
        fact_web_events.event_date,
        fact_web_events.visitor_id,
        MAX(
            CASE fact_web_events.event_type
                WHEN 'purchase' THEN 4
                WHEN 'checkout' THEN 3
                WHEN 'add_to_cart' THEN 2
                WHEN 'product_view' THEN 1
                ELSE 0
            END
        ) AS deepest_step
    FROM core.fact_web_events
    WHERE fact_web_events.event_date >= :month_start
        AND fact_web_events.event_date < :month_end
        AND NOT fact_web_events.is_bot
    GROUP BY fact_web_events.event_date, fact_web_events.visitor_id
)

SELECT
    event_date,
    COUNT(*) AS visitor_count,
    SUM(CASE WHEN deepest_step >= 1 THEN 1 ELSE 0 END) AS product_view_visitor_count,
    SUM(CASE WHEN deepest_step >= 2 THEN 1 ELSE 0 END) AS add_to_cart_visitor_count,
    SUM(CASE WHEN deepest_step >= 3 THEN 1 ELSE 0 END) AS checkout_visitor_count,
    SUM(CASE WHEN deepest_step >= 4 THEN 1 ELSE 0 END) AS purchase_visitor_count
FROM visitor_days
GROUP BY event_date
ORDER BY event_date
