DROP TABLE IF EXISTS stock_cases;
DROP TABLE IF EXISTS stock_figures;
