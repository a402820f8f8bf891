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

REFUSES = (
    "BEGIN RAISE EXCEPTION '% of % is refused: what is posted is never changed; book a reversal', "
    "TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END"
)
EMPTIES = (
    "BEGIN IF new.headers <> '' OR new.body <> '' OR old.state IN ('new', 'dead') THEN "
    "RAISE EXCEPTION '% of % is refused: settled bytes may be emptied, no more', "
    "TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END IF; RETURN new; END"
)
"""What the two triggers do, word by word: one that raises only sometimes is another."""

KEYS = (
    ("member", "member_id"),
    ("txn", "member_id version"),
    ("chain", "member_id version"),
    ("txn_note", "member_id version"),
    ("posting", "member_id version leg"),
    ("allocation", "member_id version n"),
    ("lot", "member_id lot"),
    ("hold", "member_id version"),
    ("hold_extension", "member_id version n"),
    ("hold_end", "member_id version"),
    ("hold_code", "code"),
    ("hold_code", "member_id version"),
    ("settled", "member_id connection_id order_ref"),
    ("quota", "scope period"),
    ("quota_claim", "scope period claimant n"),
    ("request_key", "scope key"),
    ("period", "program_id period"),
    ("program_version", "program_id version"),
    ("member_merge", "member_id n"),
    ("activity", "member_id at"),
    ("tier_reached", "member_id tier period"),
    ("identity", "kind scope blind valid_from"),
    ("identity", "kind scope blind"),
    ("orders", "connection_id order_ref"),
    ("order_revision", "connection_id order_ref revision"),
    ("order_key", "connection_id store business_date till settlement_count receipt_number"),
    ("same_as", "connection_id order_ref"),
    ("refund", "connection_id order_ref refund_ref"),
    ("coupon", "code"),
    ("coupon", "member_id kind occasion"),
    ("coupon_move", "code n"),
    ("allowance", "allowance_id"),
    ("allowance", "terminal_id key"),
    ("allowance_use", "allowance_id counter revision"),
    ("delivery", "connection_id delivery_key"),
    ("mirror", "connection_id member_id"),
    ("feed", "lane feed_seq"),
    ("feed_head", "lane"),
)
"""What the books count on being there once: without its index, two processes write it twice."""


def _words(*values: str) -> str:
    return ", ".join(f"('{value}')" for value in values)


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"


# Per table: the columns that may change, and whether its rows may not be deleted. In the statement
# below 51 = row, before, update, truncate, of which all but "row" must be set (50); 8 is delete.
GUARDED = ", ".join(
    f"('{table}', '{{{','.join(STATE.get(table, ()))}}}'::text[], {table != 'delivery'})"
    for table in FROZEN_TABLES
)

UNGUARDED = f"""
SELECT 'table ' || x.name AS subject, 'trigger frozen' AS place,
       'missing, disabled or another' AS detail
FROM (VALUES {GUARDED}) AS x(name, mutable, kept) WHERE NOT EXISTS (
  SELECT FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
  WHERE g.tgrelid = to_regclass(x.name)
    AND g.tgname = 'frozen' AND g.tgenabled = 'A' AND g.tgqual IS NULL
    AND f.proname = 'refuse_change'
    AND btrim(regexp_replace(f.prosrc, '\\s+', ' ', 'g')) = {_text(REFUSES)}
    AND g.tgtype & 51 = 50 AND g.tgtype & 8 >= CASE WHEN x.kept THEN 8 ELSE 0 END
    AND (x.mutable = '{{}}') = (g.tgattr::text = '') AND NOT EXISTS
      (SELECT FROM pg_attribute a
       WHERE a.attrelid = g.tgrelid AND a.attnum > 0 AND NOT a.attisdropped
         AND x.mutable <> '{{}}'
         AND (a.attnum = ANY(g.tgattr::int2[])) = (a.attname = ANY(x.mutable))))
UNION ALL
SELECT 'table delivery', 'trigger emptied', 'missing, disabled or another' WHERE NOT EXISTS (
  SELECT FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid
  WHERE g.tgrelid = to_regclass('delivery') AND g.tgname = 'emptied' AND g.tgenabled = 'A'
    AND g.tgqual IS NULL AND g.tgtype & 19 = 19 AND (SELECT array_agg(a.attname ORDER BY a.attname)
      FROM pg_attribute a WHERE a.attrelid = g.tgrelid AND a.attnum = ANY(g.tgattr::int2[]))
      = '{{body,headers}}'
    AND f.proname = 'only_empty'
    AND btrim(regexp_replace(f.prosrc, '\\s+', ' ', 'g')) = {_text(EMPTIES)})
UNION ALL
SELECT 'table ' || x.name, y.what || ' ' || y.name, 'it is not the hub''s: it may change or hide'
FROM (VALUES {_words(*sorted({*FROZEN_TABLES, *(table for table, _ in KEYS)}))}) AS x(name),
LATERAL (
  SELECT 'trigger', g.tgname FROM pg_trigger g
  WHERE g.tgrelid = to_regclass(x.name) AND NOT g.tgisinternal
    AND g.tgname NOT IN ('frozen', 'digested')
    AND (x.name, g.tgname) NOT IN (('delivery', 'emptied'), ('program_version', 'told'),
                                   ('store_setting', 'told'), ('member_profile', 'told'))
  UNION ALL SELECT 'rule', r.rulename FROM pg_rewrite r WHERE r.ev_class = to_regclass(x.name)
  UNION ALL SELECT 'row', 'security' FROM pg_class c
  WHERE c.oid = to_regclass(x.name) AND c.relrowsecurity) AS y(what, name)"""
"""Finds each table whose guard does not refuse every change, always, and what else acts on it."""

UNKEYED = f"""
SELECT 'table ' || x.name, 'key ' || x.columns, 'no index keeps it from being there twice'
FROM (VALUES {", ".join(f"('{table}', '{columns}')" for table, columns in KEYS)})
  AS x(name, columns)
WHERE NOT EXISTS (
  SELECT FROM pg_index i
  WHERE i.indrelid = to_regclass(x.name) AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND x.columns = (SELECT string_agg(a.attname, ' ' ORDER BY k.nth)
      FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(att, nth)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.att))"""
"""Finds each key of the books without its unique index."""

REACH = f"""
SELECT x.name FROM (VALUES {GUARDED}) AS x(name, mutable, kept)
WHERE has_table_privilege(x.name, 'TRUNCATE')
   OR x.kept AND has_table_privilege(x.name, 'DELETE') OR EXISTS
  (SELECT FROM pg_attribute a
   WHERE a.attrelid = to_regclass(x.name) AND a.attnum > 0 AND NOT a.attisdropped
     AND a.attname <> ALL(x.mutable) AND has_column_privilege(x.name, a.attnum, 'UPDATE'))"""
"""Finds each table in which whoever asks may change what is posted, were there no trigger."""
