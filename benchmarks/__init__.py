"""Finalize measured beside hand-written SQL on the same server, in the same run. `make bench` runs it."""
