"""Sales, imports, lists and generation measured beside hand-written SQL, on one server, in one run: `make bench`.

`python -m benchmarks.lists` times every list and search of a shop of a million variants by itself.
"""
