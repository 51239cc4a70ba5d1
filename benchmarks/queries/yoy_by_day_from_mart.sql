-- yoy: key figures of the last 28 days beside those of a year before, read from the mart.
SELECT
    executive_kpi_daily.kpi_date,
    executive_kpi_daily.order_count,
    executive_kpi_daily.net_reporting_amount,
    executive_kpi_daily.previous_year_order_count,
    executive_kpi_daily.previous_year_net_reporting_amount,
    executive_kpi_daily.net_reporting_yoy_pct
FROM mart.executive_kpi_daily
WHERE executive_kpi_daily.kpi_date > DATEADD(day, -28, :day) AND executive_kpi_daily.kpi_date <= :day
ORDER BY executive_kpi_daily.kpi_date
