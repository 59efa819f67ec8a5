DROP TABLE IF EXISTS pool_settlements;
DROP TABLE IF EXISTS demand_forecasts;
