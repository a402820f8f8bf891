"""The statements that ask for allowances (``allowances`` reads the answers)."""

from collections.abc import Collection

from renkei.storage.trip import Statement, as_json

OWNERS = """
SELECT member_id FROM allowance
WHERE allowance_id IN (SELECT json_array_elements_text(CAST(:ids AS json)))"""

NAMED = """
SELECT a.allowance_id, a.terminal_id, a.key, a.member_id, a.connection_id, a.points, a.issued_at,
       a.expires_at, a.lapses_at,
       (SELECT coalesce(json_agg(json_build_array(u.counter, u.revision, u.order_ref, u.points)
                                 ORDER BY u.counter, u.revision), '[]')
        FROM allowance_use u WHERE u.allowance_id = a.allowance_id)
FROM allowance a
WHERE a.allowance_id IN (SELECT json_array_elements_text(CAST(:ids AS json)))"""


def owners_statement(ids: Collection[str]) -> Statement | None:
    """Whose these allowances are."""
    return Statement(OWNERS, {"ids": as_json(sorted(ids))}) if ids else None


def allowance_statement(ids: Collection[str]) -> Statement | None:
    """The allowances with their uses; their members' locks guard them."""
    return Statement(NAMED, {"ids": as_json(sorted(ids))}) if ids else None
