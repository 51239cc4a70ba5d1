-- One row per calendar day from the first to the last month that data reaches; a day without data has its row too.
WITH
delivered_spans AS (
    SELECT MIN(order_date) AS first_date, MAX(order_date) AS last_date FROM clean.orders
    UNION ALL
    SELECT MIN(payment_date) AS first_date, MAX(payment_date) AS last_date FROM clean.payments
    UNION ALL
    SELECT MIN(refund_date) AS first_date, MAX(refund_date) AS last_date FROM clean.refunds
    UNION ALL
    SELECT MIN(movement_date) AS first_date, MAX(movement_date) AS last_date FROM clean.inventory_movements
    UNION ALL
    SELECT MIN(event_date) AS first_date, MAX(event_date) AS last_date FROM clean.web_events
),

calendar_span AS (
    SELECT
        CAST(DATE_TRUNC('month', MIN(first_date)) AS DATE) AS first_date,
        CAST(LAST_DAY(MAX(last_date)) AS DATE) AS last_date
    FROM delivered_spans
),

digits AS (
    SELECT 0 AS digit
    UNION ALL SELECT 1 AS digit
    UNION ALL SELECT 2 AS digit
    UNION ALL SELECT 3 AS digit
    UNION ALL SELECT 4 AS digit
    UNION ALL SELECT 5 AS digit
    UNION ALL SELECT 6 AS digit
    UNION ALL SELECT 7 AS digit
    UNION ALL SELECT 8 AS digit
    UNION ALL SELECT 9 AS digit
),

-- 0 to 99,999: enough days for 273 years.
numbers AS (
    SELECT
        ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit + 10000 * myriads.digit AS number
    FROM digits AS ones
    CROSS JOIN digits AS tens
    CROSS JOIN digits AS hundreds
    CROSS JOIN digits AS thousands
    CROSS JOIN digits AS myriads
),

days AS (
    SELECT CAST(DATEADD(day, numbers.number, calendar_span.first_date) AS DATE) AS calendar_date
    FROM calendar_span
    INNER JOIN numbers ON numbers.number <= DATEDIFF(day, calendar_span.first_date, calendar_span.last_date)
),

day_parts AS (
    SELECT
        calendar_date,
        EXTRACT(year FROM calendar_date) AS calendar_year,
        EXTRACT(quarter FROM calendar_date) AS calendar_quarter,
        EXTRACT(month FROM calendar_date) AS calendar_month,
        EXTRACT(day FROM calendar_date) AS day_of_month,
        EXTRACT(doy FROM calendar_date) AS day_of_year,
        CASE WHEN EXTRACT(dow FROM calendar_date) = 0 THEN 7 ELSE EXTRACT(dow FROM calendar_date) END AS iso_weekday
    FROM days
),

-- An ISO week belongs to the year of its Thursday.
iso_parts AS (
    SELECT
        calendar_date,
        calendar_year,
        calendar_quarter,
        calendar_month,
        day_of_month,
        day_of_year,
        iso_weekday,
        CAST(DATEADD(day, CAST(4 - iso_weekday AS INTEGER), calendar_date) AS DATE) AS thursday_date
    FROM day_parts
)

SELECT
    calendar_date,
    CAST(calendar_year AS INTEGER) AS calendar_year,
    CAST(calendar_quarter AS INTEGER) AS calendar_quarter,
    CAST(calendar_month AS INTEGER) AS calendar_month,
    CASE calendar_month
        WHEN 1 THEN 'January'
        WHEN 2 THEN 'February'
        WHEN 3 THEN 'March'
        WHEN 4 THEN 'April'
        WHEN 5 THEN 'May'
        WHEN 6 THEN 'June'
        WHEN 7 THEN 'July'
        WHEN 8 THEN 'August'
        WHEN 9 THEN 'September'
        WHEN 10 THEN 'October'
        WHEN 11 THEN 'November'
        ELSE 'December'
    END AS month_name,
    CAST(DATE_TRUNC('month', calendar_date) AS DATE) AS month_date,
    CAST(day_of_month AS INTEGER) AS day_of_month,
    CAST(day_of_year AS INTEGER) AS day_of_year,
    CAST(EXTRACT(year FROM thursday_date) AS INTEGER) AS iso_year,
    CAST(FLOOR(CAST(EXTRACT(doy FROM thursday_date) - 1 AS DECIMAL(9, 4)) / 7) + 1 AS INTEGER) AS iso_week,
    CAST(iso_weekday AS INTEGER) AS iso_weekday,
    CASE iso_weekday
        WHEN 1 THEN 'Monday'
        WHEN 2 THEN 'Tuesday'
        WHEN 3 THEN 'Wednesday'
        WHEN 4 THEN 'Thursday'
        WHEN 5 THEN 'Friday'
        WHEN 6 THEN 'Saturday'
        ELSE 'Sunday'
    END AS weekday_name,
    iso_weekday >= 6 AS is_weekend,
    -- The fiscal year runs from April to March and bears the year in which it ends.
    CAST(CASE WHEN calendar_month >= 4 THEN calendar_year + 1 ELSE calendar_year END AS INTEGER) AS fiscal_year,
    CAST(
        CASE
            WHEN calendar_month BETWEEN 4 AND 6 THEN 1
            WHEN calendar_month BETWEEN 7 AND 9 THEN 2
            WHEN calendar_month BETWEEN 10 AND 12 THEN 3
            ELSE 4
        END AS INTEGER
    ) AS fiscal_quarter,
    CAST(CASE WHEN calendar_month >= 4 THEN calendar_month - 3 ELSE calendar_month + 9 END AS INTEGER) AS fiscal_month,
    calendar_date = LAST_DAY(calendar_date) AS is_month_end
FROM iso_parts
