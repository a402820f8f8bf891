"""The triggers that refuse every change of what is posted: which tables have one, and whether."""

FROZEN_TABLES = (
    "program_version",
    "txn",
    "chain",
    "txn_note",
    "member_merge",
    "activity",
    "refund",
    "posting",
    "allocation",
    "lot",
    "hold",
    "hold_extension",
    "hold_end",
    "hold_code",
    "quota_claim",
    "request_key",
    "order_revision",
    "same_as",
    "coupon",
    "coupon_move",
    "allowance",
    "allowance_use",
    "lookup",
    "z_report",
    "feed",
    "delivery",
    "store_setting",
    "fact",
    "product",
    "tier_reached",
)
"""Tables whose trigger refuses change."""

STATE = {
    "lot": ("pending", "available", "held", "expired", "netted", "open"),
    "delivery": ("state", "reason", "tries", "due", "owner", "lost", "headers", "body"),
    "hold_code": ("state", "due", "tries", "owner", "lost", "leased_until", "last_error"),
}
"""The columns of these tables that may change. A delivery may also be deleted when it is old.

Its headers and body may only be emptied, and only once it is settled: a trigger of its own sees to
that.
"""

# Per table: how many columns may change, and whether its rows may not be deleted. In the statement
# below 51 = row, before, update, truncate, of which all but "row" must be set (50); 8 is delete.
GUARDED = ", ".join(
    f"('{table}', {len(STATE.get(table, ()))}, {table != 'delivery'})" for table in FROZEN_TABLES
)

UNGUARDED = f"""
SELECT 'table ' || x.name AS subject, 'trigger frozen' AS place,
       'missing, disabled or another' AS detail
FROM (VALUES {GUARDED}) AS x(name, mutable, kept) WHERE NOT EXISTS (
  SELECT FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
  WHERE g.tgrelid = to_regclass(x.name)
    AND g.tgname = 'frozen' AND g.tgenabled = 'A' AND g.tgqual IS NULL
    AND f.proname = 'refuse_change' AND f.prosrc LIKE '%RAISE EXCEPTION%'
    AND g.tgtype & 51 = 50 AND g.tgtype & 8 >= CASE WHEN x.kept THEN 8 ELSE 0 END
    AND cardinality(g.tgattr::int2[]) = CASE x.mutable WHEN 0 THEN 0 ELSE
      (SELECT count(*) FROM pg_attribute a
       WHERE a.attrelid = g.tgrelid AND a.attnum > 0 AND NOT a.attisdropped) - x.mutable END)
UNION ALL
SELECT 'table delivery', 'trigger emptied', 'missing, disabled or another' WHERE NOT EXISTS (
  SELECT FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
  WHERE g.tgrelid = to_regclass('delivery') AND g.tgname = 'emptied' AND g.tgenabled = 'A'
    AND g.tgqual IS NULL AND g.tgtype & 19 = 19 AND cardinality(g.tgattr::int2[]) = 2
    AND f.proname = 'only_empty' AND f.prosrc LIKE '%RAISE EXCEPTION%')"""
"""Finds each table whose guard does not refuse every change, always."""
