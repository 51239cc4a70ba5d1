-- One row per product and warehouse as of the last day on which anything moved: one day's balance, no sum over days.
WITH
last_day AS (
    -- A shop that has delivered less than 28 days has sold what it sold in those days.
    SELECT
        MAX(movement_date) AS as_of_date,
        CAST(DATEADD(day, -28, MAX(movement_date)) AS DATE) AS before_date,
        LEAST(28, DATEDIFF(day, MIN(movement_date), MAX(movement_date)) + 1) AS demand_days
    FROM core.fact_inventory_movements
),

demand AS (
    SELECT
        movements.product_id,
        movements.warehouse_code,
        -SUM(movements.quantity) AS sold_quantity_28_days,
        MAX(movements.movement_date) AS last_sold_date
    FROM core.fact_inventory_movements AS movements
    INNER JOIN last_day ON movements.movement_date > last_day.before_date
    WHERE movements.movement_type = 'sale'
    GROUP BY movements.product_id, movements.warehouse_code
),

stock AS (
    SELECT
        balances.product_id,
        balances.warehouse_code,
        balances.snapshot_date AS as_of_date,
        balances.closing_quantity AS on_hand_quantity,
        balances.last_movement_date,
        balances.is_stockout,
        last_day.demand_days,
        COALESCE(demand.sold_quantity_28_days, 0) AS sold_quantity_28_days
    FROM core.fact_inventory_daily AS balances
    INNER JOIN last_day ON last_day.as_of_date = balances.snapshot_date
    LEFT JOIN demand
        ON demand.product_id = balances.product_id
        AND demand.warehouse_code = balances.warehouse_code
),

covered_stock AS (
    SELECT
        product_id,
        warehouse_code,
        as_of_date,
        on_hand_quantity,
        last_movement_date,
        is_stockout,
        sold_quantity_28_days,
        CAST(CAST(sold_quantity_28_days AS DECIMAL(18, 4)) / demand_days AS DECIMAL(18, 4)) AS daily_demand_quantity,
        CAST(
            CAST(CASE WHEN on_hand_quantity > 0 THEN on_hand_quantity ELSE 0 END AS DECIMAL(18, 4)) * demand_days
            / NULLIF(CASE WHEN sold_quantity_28_days > 0 THEN sold_quantity_28_days ELSE 0 END, 0) AS DECIMAL(18, 1)
        ) AS days_of_cover
    FROM stock
)

SELECT
    covered_stock.product_id,
    covered_stock.warehouse_code,
    dim_product.product_name,
    dim_product.category,
    covered_stock.as_of_date,
    covered_stock.on_hand_quantity,
    covered_stock.sold_quantity_28_days,
    covered_stock.daily_demand_quantity,
    covered_stock.days_of_cover,
    covered_stock.last_movement_date,
    DATEDIFF(day, covered_stock.last_movement_date, covered_stock.as_of_date) AS days_since_movement,
    covered_stock.is_stockout,
    CASE
        WHEN covered_stock.on_hand_quantity < 0 THEN 'negative'
        WHEN covered_stock.is_stockout THEN 'stockout'
        WHEN covered_stock.days_of_cover IS NULL THEN 'no_demand'
        WHEN covered_stock.days_of_cover < 7 THEN 'low'
        WHEN covered_stock.days_of_cover > 180 THEN 'overstock'
        ELSE 'healthy'
    END AS health_status
FROM covered_stock
INNER JOIN core.dim_product ON dim_product.product_id = covered_stock.product_id AND dim_product.is_current
