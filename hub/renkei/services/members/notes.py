"""What persons wrote beside bookings: sealed, and opened for whoever asks for it by name."""

from sqlalchemy import text

from renkei.ledger.loading import read_homes
from renkei.services.booking import Booking
from renkei.services.personal import opened_note

NOTES = """
SELECT n.member_id, n.version, n.sealed, k.wrapped
FROM txn_note n JOIN member_key k USING (member_id)
WHERE n.member_id = ANY(CAST(:ids AS text[]))"""

Notes = dict[tuple[str, int], dict[str, str]]
"""By the member in whose books a transaction stands, and its number there: reason and by."""


async def read_notes(booking: Booking, member: str) -> Notes:
    """The notes of the member's group; none of a member who was erased, whose key is gone."""
    ring = booking.ring
    async with booking.database.begin() as conn:
        ids = {"ids": await read_homes(conn, member)}
        rows = (await conn.execute(text(NOTES), ids)).all()
    return {
        (home, version): opened_note(ring, ring.unwrap(home, bytes(wrapped)), home, bytes(sealed))
        for home, version, sealed, wrapped in rows
    }
