-- One row per channel, of orders (sales) or of sessions (marketing); a code that data shows is never missing.
WITH
known_channels AS (
    SELECT 'web' AS channel_code, 'Web shop' AS channel_name, 'sales' AS channel_type, FALSE AS is_paid
    UNION ALL SELECT 'mobile_app', 'Mobile app', 'sales', FALSE
    UNION ALL SELECT 'marketplace', 'Marketplace', 'sales', FALSE
    UNION ALL SELECT 'store', 'Store', 'sales', FALSE
    UNION ALL SELECT 'direct', 'Direct', 'marketing', FALSE
    UNION ALL SELECT 'organic_search', 'Organic search', 'marketing', FALSE
    UNION ALL SELECT 'paid_search', 'Paid search', 'marketing', TRUE
    UNION ALL SELECT 'organic_social', 'Organic social', 'marketing', FALSE
    UNION ALL SELECT 'paid_social', 'Paid social', 'marketing', TRUE
    UNION ALL SELECT 'display', 'Display', 'marketing', TRUE
    UNION ALL SELECT 'email', 'E-mail', 'marketing', FALSE
    UNION ALL SELECT 'messaging', 'SMS and push', 'marketing', FALSE
    UNION ALL SELECT 'affiliate', 'Affiliate', 'marketing', TRUE
    UNION ALL SELECT 'referral', 'Referral', 'marketing', FALSE
    UNION ALL SELECT 'other', 'Other campaign', 'marketing', FALSE
),

seen_channels AS (
    SELECT channel AS channel_code, 'sales' AS channel_type FROM clean.orders
    UNION
    SELECT channel_code, 'marketing' AS channel_type FROM curated.web_sessions
),

unlisted_channels AS (
    SELECT
        seen_channels.channel_code,
        seen_channels.channel_code AS channel_name,
        MIN(seen_channels.channel_type) AS channel_type,
        FALSE AS is_paid
    FROM seen_channels
    LEFT JOIN known_channels ON known_channels.channel_code = seen_channels.channel_code
    WHERE known_channels.channel_code IS NULL AND seen_channels.channel_code IS NOT NULL
    GROUP BY seen_channels.channel_code
),

channels AS (
    SELECT channel_code, channel_name, channel_type, is_paid FROM known_channels
    UNION ALL
    SELECT channel_code, channel_name, channel_type, is_paid FROM unlisted_channels
)

SELECT
    STRTOL(SUBSTRING(MD5(channel_code), 1, 15), 16) AS channel_key,
    channel_code,
    channel_name,
    channel_type,
    is_paid
FROM channels
UNION ALL
SELECT
    CAST(0 AS BIGINT) AS channel_key,
    '(unknown)' AS channel_code,
    'Unknown' AS channel_name,
    'unknown' AS channel_type,
    FALSE AS is_paid
