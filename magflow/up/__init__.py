"""`magflow up`: the database, the web processes and the worker of one machine, started, watched and stopped together.

`supervisor` is the parent; `web` and `job_worker` are what its children run; `lifeline` ties them to it.
"""
