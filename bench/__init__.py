"""What the hub can do on this machine, against PostgreSQL's own pgbench on the same server.

One command, `tox -e bench`; docs/bench.md says how it measures. Not published.
"""
