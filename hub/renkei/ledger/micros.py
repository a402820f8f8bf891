"""Instants in SQL as whole microseconds since 1970, as the hash chain has them."""

MICROS = """
(CASE isfinite({0}) WHEN true THEN (extract(epoch FROM {0}) * 1000000)::bigint
                    WHEN false THEN -1 END)"""
"""What lies at an end of time was never recorded: nor was -1. Null stays null."""
