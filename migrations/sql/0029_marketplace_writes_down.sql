DROP TABLE IF EXISTS marketplace_writes;
