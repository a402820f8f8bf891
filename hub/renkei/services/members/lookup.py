"""Members by what proves them."""

import json
from collections.abc import Sequence

from sqlalchemy import text

from renkei.ledger.keys import IdentityKey
from renkei.services.booking import Booking
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Grade, Identity, IdentityKind

FOUND = """
SELECT DISTINCT i.member_id FROM identity i
JOIN json_to_recordset(CAST(:keys AS json)) AS x(k text, s text, b text)
  ON i.kind = x.k AND i.scope = x.s AND i.blind = decode(x.b, 'hex')
WHERE i.valid_until IS NULL LIMIT 3"""


async def members_by(booking: Booking, identities: Sequence[Identity]) -> list[str]:
    """Whoever any of these identities belongs to now; three at most."""
    asked = [_row(key) for key, _ in booking.keyed(identities)]
    async with booking.database.begin() as conn:
        found = (await conn.execute(text(FOUND), {"keys": json.dumps(asked)})).scalars().all()
    return [str(member) for member in found]


def customer_of(ref: ExternalRef) -> Identity:
    """The identity that a channel's own customer id is."""
    return Identity(
        kind=IdentityKind.VENDOR_CUSTOMER, scope=ref.connection, value=ref.id, grade=Grade.STRONG
    )


def _row(key: IdentityKey) -> dict[str, str]:
    return {"k": key[0], "s": key[1], "b": key[2].hex()}
