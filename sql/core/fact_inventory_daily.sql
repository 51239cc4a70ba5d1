-- One row per product, warehouse and day since its first movement. Semi-additive: quantities never sum over days.
WITH
days AS (
    SELECT snapshot_date, CAST(DATE_TRUNC('month', snapshot_date) AS DATE) AS month_date
    FROM core.fact_inventory_totals
),

months AS (
    SELECT DISTINCT month_date FROM days
),

asked_days AS (
    SELECT MIN(snapshot_date) AS first_date, MAX(snapshot_date) AS last_date
    FROM days
),

-- What moved before the first day that is asked for is one balance brought forward, on the day of its last movement.
-- No day that is asked for shows what it was made of, and over a long history each sum takes its time.
brought_forward AS (
    SELECT
        movements.product_id,
        movements.warehouse_code,
        MAX(movements.movement_date) AS movement_date,
        SUM(movements.quantity) AS moved_quantity
    FROM clean.inventory_movements AS movements
    INNER JOIN asked_days ON movements.movement_date < asked_days.first_date
    GROUP BY movements.product_id, movements.warehouse_code
),

day_movements AS (
    SELECT
        movements.product_id,
        movements.warehouse_code,
        movements.movement_date,
        SUM(CASE WHEN movements.movement_type = 'opening' THEN movements.quantity ELSE 0 END) AS initial_quantity,
        SUM(CASE WHEN movements.movement_type = 'receipt' THEN movements.quantity ELSE 0 END) AS received_quantity,
        -SUM(CASE WHEN movements.movement_type = 'sale' THEN movements.quantity ELSE 0 END) AS sold_quantity,
        SUM(CASE WHEN movements.movement_type = 'return' THEN movements.quantity ELSE 0 END) AS returned_quantity,
        SUM(
            CASE
                WHEN movements.movement_type NOT IN ('opening', 'receipt', 'sale', 'return') THEN movements.quantity
                ELSE 0
            END
        ) AS adjusted_quantity,
        SUM(movements.quantity) AS moved_quantity,
        COUNT(movements.movement_id) AS movement_count
    FROM clean.inventory_movements AS movements
    INNER JOIN asked_days
        ON movements.movement_date >= asked_days.first_date
        AND movements.movement_date <= asked_days.last_date
    GROUP BY movements.product_id, movements.warehouse_code, movements.movement_date
    UNION ALL
    SELECT
        product_id,
        warehouse_code,
        movement_date,
        0 AS initial_quantity,
        0 AS received_quantity,
        0 AS sold_quantity,
        0 AS returned_quantity,
        0 AS adjusted_quantity,
        moved_quantity,
        0 AS movement_count
    FROM brought_forward
),

-- The balance after each day with movements, and the day on which the next one replaces it.
balances AS (
    SELECT
        product_id,
        warehouse_code,
        movement_date,
        initial_quantity,
        received_quantity,
        sold_quantity,
        returned_quantity,
        adjusted_quantity,
        moved_quantity,
        movement_count,
        SUM(moved_quantity)
            OVER (PARTITION BY product_id, warehouse_code ORDER BY movement_date ROWS UNBOUNDED PRECEDING)
            AS closing_quantity,
        LEAD(movement_date) OVER (PARTITION BY product_id, warehouse_code ORDER BY movement_date) AS next_movement_date
    FROM day_movements
),

-- Each balance once for every month that it reaches into. In the order of months, since DuckDB keeps rows as they come:
-- the rows of one day then lie in those of its month, and not in the whole table.
balance_months AS (
    SELECT
        months.month_date,
        balances.product_id,
        balances.warehouse_code,
        balances.movement_date,
        balances.initial_quantity,
        balances.received_quantity,
        balances.sold_quantity,
        balances.returned_quantity,
        balances.adjusted_quantity,
        balances.moved_quantity,
        balances.movement_count,
        balances.closing_quantity,
        COALESCE(balances.next_movement_date, CAST('9999-12-31' AS DATE)) AS next_movement_date
    FROM balances
    INNER JOIN months
        ON balances.movement_date <= LAST_DAY(months.month_date)
        AND months.month_date < COALESCE(balances.next_movement_date, CAST('9999-12-31' AS DATE))
    ORDER BY months.month_date
),

-- A day without movements carries the balance of the last one forward.
snapshots AS (
    SELECT
        days.snapshot_date,
        balance_months.product_id,
        balance_months.warehouse_code,
        balance_months.movement_date AS last_movement_date,
        balance_months.closing_quantity,
        CASE WHEN balance_months.movement_date = days.snapshot_date THEN 1 ELSE 0 END AS moved,
        balance_months.initial_quantity,
        balance_months.received_quantity,
        balance_months.sold_quantity,
        balance_months.returned_quantity,
        balance_months.adjusted_quantity,
        balance_months.moved_quantity,
        balance_months.movement_count
    FROM balance_months
    INNER JOIN days
        ON days.month_date = balance_months.month_date
        AND balance_months.movement_date <= days.snapshot_date
        AND days.snapshot_date < balance_months.next_movement_date
)

SELECT
    snapshot_date,
    product_id,
    warehouse_code,
    closing_quantity - moved * (moved_quantity - initial_quantity) AS opening_quantity,
    moved * received_quantity AS received_quantity,
    moved * sold_quantity AS sold_quantity,
    moved * returned_quantity AS returned_quantity,
    moved * adjusted_quantity AS adjusted_quantity,
    closing_quantity,
    moved * movement_count AS movement_count,
    last_movement_date,
    moved = 0 AS is_carried_forward,
    closing_quantity <= 0 AS is_stockout
FROM snapshots
