-- One row per day and pair of currencies: the latest rate quoted on or before the day, never a later one.
WITH
quoted_rates AS (
    SELECT
        from_currency_code,
        to_currency_code,
        rate_date AS quoted_date,
        rate,
        LEAD(rate_date) OVER (PARTITION BY from_currency_code, to_currency_code ORDER BY rate_date) AS next_quoted_date
    FROM clean.fx_rates
)

SELECT
    dim_date.calendar_date AS rate_date,
    quoted_rates.from_currency_code,
    quoted_rates.to_currency_code,
    quoted_rates.rate AS fx_rate,
    quoted_rates.quoted_date,
    quoted_rates.quoted_date < dim_date.calendar_date AS is_carried_forward
FROM quoted_rates
INNER JOIN core.dim_date
    ON dim_date.calendar_date >= quoted_rates.quoted_date
    AND dim_date.calendar_date < COALESCE(quoted_rates.next_quoted_date, CAST('9999-12-31' AS DATE))
