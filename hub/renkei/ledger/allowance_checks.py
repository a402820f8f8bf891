"""What must always hold of allowances (see invariants.py)."""

ALLOWANCES: tuple[tuple[str, str], ...] = (
    (
        "an allowance is what its hold set aside",
        """SELECT a.member_id, 'allowance ' || a.allowance_id,
             'of ' || a.points || ', set aside ' || coalesce(h.n, 0)
           FROM allowance a LEFT JOIN
             (SELECT scope, key, sum(p.amount) n FROM hold JOIN posting p USING (member_id, version)
              WHERE scope LIKE 'allowance/%' AND p.rule = 'hold.place' GROUP BY 1, 2) h
             ON (h.scope, h.key) = ('allowance/' || a.terminal_id, a.key)
           WHERE a.points IS DISTINCT FROM h.n""",
    ),
    (
        "a use of an allowance is told with a sale of its connection",
        """SELECT a.member_id, 'allowance ' || a.allowance_id || ' use ' || u.counter,
             'no revision ' || u.revision || ' of ' || u.order_ref || ' was told'
           FROM allowance a JOIN allowance_use u USING (allowance_id) WHERE NOT EXISTS
             (SELECT FROM request_key r WHERE (r.scope, r.key) =
                ('sale/' || a.connection_id, u.order_ref || '#' || u.revision))""",
    ),
)
"""Name and statement of each."""
