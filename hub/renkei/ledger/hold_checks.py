"""What must always hold of holds, and of the allowances they fund (see invariants.py)."""

from renkei.ledger.micros import MICROS

HOLDS: tuple[tuple[str, str], ...] = (
    (
        "a hold is what its transaction set aside",
        f"""SELECT member_id, 'hold of transaction ' || version, CASE WHEN h.amount IS NULL THEN
               'the transaction has no hold' ELSE 'held ' || h.amount || ' for ' || h.scope || '/'
               || h.key || ' until ' || h.lapses_at || ', booked ' || coalesce(p.n, 0) || ' for '
               || coalesce(p.key, 'nothing') || ' ' || coalesce(p.facts::text, '') END
           FROM hold h FULL JOIN
             (SELECT member_id, version, coalesce(content -> 'hold' ->> 'name', key) AS key,
                     content -> 'hold' AS facts, p.amount AS n
              FROM txn JOIN posting p USING (member_id, version)
              WHERE rule IN ('hold.place', 'hold.carry')) p
             USING (member_id, version)
           WHERE (h.amount, h.scope || '/' || h.key) IS DISTINCT FROM (p.n, p.key)
              OR p.facts IS NOT NULL AND (p.facts ->> 'lapses_at', p.facts ->> 'connection') <>
                 ({MICROS.format("h.lapses_at")}::text, h.connection_id)""",
    ),
    (
        "a hold has its request, and its first part",
        """SELECT h.member_id, 'hold of transaction ' || h.version,
             'request hold/' || h.scope || ' ' || h.key || CASE WHEN r.key IS NULL
             THEN ' is missing' ELSE ' is there, its first part is not' END
           FROM hold h LEFT JOIN request_key r ON (r.scope, r.key) = ('hold/' || h.scope, h.key)
             LEFT JOIN hold l ON (l.member_id, l.version, l.lead_version, l.scope, l.key)
                               = (h.lead_member, h.lead_version, h.lead_version, h.scope, h.key)
           WHERE r.key IS NULL OR l.version IS NULL""",
    ),
    (
        "an extension of a hold is later than the one before",
        """SELECT x.member_id, 'hold of transaction ' || x.version, 'extension ' || x.n
           FROM (SELECT e.*, row_number() OVER w AS nth,
                        coalesce(lag(e.lapses_at) OVER w, h.lapses_at) AS before
                 FROM hold_extension e LEFT JOIN hold h USING (member_id, version)
                 WINDOW w AS (PARTITION BY e.member_id, e.version ORDER BY e.n)) x
           WHERE (x.n = x.nth AND x.lapses_at > x.before) IS NOT TRUE""",
    ),
    (
        "a hold ends once, and its end is what was booked",
        """SELECT member_id, 'transaction ' || version,
             CASE WHEN e.how IS NULL THEN 'it ends a hold, but no hold says so' ELSE
               'hold of transaction ' || e.hold || ' ' || e.how || ' with ' || e.captured || ' of '
               || coalesce(e.amount, 0) || ', booked ' || coalesce(p.kind, 'nothing') || ' with '
               || coalesce(p.captured, 0) || ' of ' || coalesce(p.freed, 0) END
           FROM (SELECT e.member_id, e.end_version AS version,
                        string_agg(e.version::text, ', ' ORDER BY e.version) AS hold,
                        string_agg(DISTINCT e.how, ' and ') AS how, sum(e.captured) AS captured,
                        sum(h.amount) AS amount
                 FROM hold_end e LEFT JOIN hold h USING (member_id, version) GROUP BY 1, 2) e
           FULL JOIN
             (SELECT member_id, version, kind, sum(amount) freed,
                     coalesce(sum(amount) FILTER (WHERE rule = 'hold.capture'), 0) captured
              FROM txn JOIN posting USING (member_id, version)
              WHERE source = 'held' GROUP BY 1, 2, 3) p USING (member_id, version)
           WHERE (e.captured, e.amount, e.how) IS DISTINCT FROM (p.captured, p.freed,
             CASE WHEN p.kind = 'settle' THEN 'captured' ELSE replace(p.kind, 'hold.', '') END)""",
    ),
    (
        "what is held is the sum of the open holds",
        """SELECT m.member_id, 'held', 'stored ' || m.held || ', open ' || coalesce(o.n, 0)
           FROM member m LEFT JOIN
             (SELECT h.member_id, sum(h.amount) n FROM hold h LEFT JOIN hold_end e
                USING (member_id, version) WHERE e.how IS NULL GROUP BY 1) o USING (member_id)
           WHERE m.held <> coalesce(o.n, 0)""",
    ),
    (
        "an allowance is what its hold set aside",
        """SELECT coalesce(a.member_id, h.member_id),
             coalesce('allowance ' || a.allowance_id, h.scope || ' ' || h.key),
             'of ' || coalesce(a.points, 0) || ', set aside ' || coalesce(h.n, 0)
           FROM allowance a FULL JOIN
             (SELECT scope, key, min(lead_member) AS member_id, sum(p.amount) n
              FROM hold JOIN posting p USING (member_id, version)
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
