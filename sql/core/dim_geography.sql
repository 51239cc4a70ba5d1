-- One row per postal code of a country; a code that only an order or a customer mentions is a row without a place.
WITH
mentioned_codes AS (
    SELECT country_code, postal_code FROM clean.postal_codes
    UNION
    SELECT ship_country_code AS country_code, ship_postal_code AS postal_code FROM clean.orders
    UNION
    SELECT country_code, postal_code FROM clean.customers
)

SELECT
    STRTOL(SUBSTRING(MD5(codes.country_code || '|' || codes.postal_code), 1, 15), 16) AS geography_key,
    codes.country_code,
    codes.postal_code,
    places.city,
    places.state,
    places.latitude,
    places.longitude,
    places.postal_code IS NULL AS is_inferred
FROM mentioned_codes AS codes
LEFT JOIN clean.postal_codes AS places
    ON places.country_code = codes.country_code
    AND places.postal_code = codes.postal_code
WHERE codes.country_code IS NOT NULL AND codes.postal_code IS NOT NULL
UNION ALL
SELECT
    CAST(0 AS BIGINT) AS geography_key,
    'ZZ' AS country_code,
    '(unknown)' AS postal_code,
    CAST(NULL AS VARCHAR(128)) AS city,
    CAST(NULL AS VARCHAR(128)) AS state,
    CAST(NULL AS DECIMAL(9, 6)) AS latitude,
    CAST(NULL AS DECIMAL(9, 6)) AS longitude,
    FALSE AS is_inferred
