"""The rules as plain Python: values in, an answer out; no database, no Flask."""
