-- yoy: revenue by category and month beside the same month a year before, read from the mart.
SELECT
    merchandising_category_yoy.category,
    merchandising_category_yoy.month_date,
    merchandising_category_yoy.net_reporting_amount,
    merchandising_category_yoy.previous_year_net_reporting_amount,
    merchandising_category_yoy.net_reporting_yoy_pct
FROM mart.merchandising_category_yoy
ORDER BY merchandising_category_yoy.category, merchandising_category_yoy.month_date
