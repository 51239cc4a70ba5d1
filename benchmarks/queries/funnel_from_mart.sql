-- funnel: sessions that reached each step, by device, of a month, read from the mart.
SELECT
    web_funnel.device,
    SUM(web_funnel.session_count) AS session_count,
    SUM(web_funnel.product_view_session_count) AS product_view_session_count,
    SUM(web_funnel.add_to_cart_session_count) AS add_to_cart_session_count,
    SUM(web_funnel.checkout_session_count) AS checkout_session_count,
    SUM(web_funnel.purchase_session_count) AS purchase_session_count
FROM mart.web_funnel
WHERE web_funnel.session_date >= :month_start AND web_funnel.session_date < :month_end
GROUP BY web_funnel.device
ORDER BY web_funnel.device
