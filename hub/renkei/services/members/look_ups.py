"""Looking a member up at a counter: every look-up is written down, and guessing is stopped."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.errors import TillRefused
from renkei.identity.normalize import normalized
from renkei.services.booking import Booking
from renkei.services.members.lookup import members_by
from renkei.services.refusals import refused
from renkei.signing import Signer, seconds
from renkei.storage.sealed import KeyRing
from renkei_contracts.errors import SignatureInvalid
from renkei_contracts.member import Identity, IdentityKind
from renkei_contracts.till import ResolveMember
from renkei_contracts.token import QR_SECONDS, QR_TYPE, QrClaims

KINDS = {
    "auto": (IdentityKind.CARD, IdentityKind.EMAIL, IdentityKind.PHONE),
    "card": (IdentityKind.CARD,),
    "email": (IdentityKind.EMAIL,),
    "phone": (IdentityKind.PHONE,),
}
"""What a value may be, by the scheme that the register names."""

LONGEST = 200
"""Characters of an identity."""

MISSES = 10
"""How many look-ups of nobody a terminal has in a minute: misread cards, not a search."""

MINUTE = timedelta(minutes=1)

SKEW = 5
"""Seconds by which the clock that signed a QR code may be ahead of the database's."""

WRITE_DOWN = """
INSERT INTO lookup (terminal_id, at, scheme, blind, outcome, member_id)
VALUES (:t, :at, :scheme, :blind, :outcome, :m)"""

MISSED = """
SELECT clock_timestamp(), (
  SELECT count(*) FROM lookup
  WHERE terminal_id = :t AND at > clock_timestamp() - CAST(:within AS interval)
    AND outcome IN ('none', 'several'))"""

USE_QR = "INSERT INTO qr_used (jti, used_at) VALUES (:jti, :at) ON CONFLICT DO NOTHING"

FORGET_QR = "DELETE FROM qr_used WHERE used_at < :before"

QR_KEPT = timedelta(minutes=15)
"""Longer than any QR code is valid."""

IS_MEMBER = "SELECT 1 FROM member_profile WHERE member_id = :m"


Turns = WeakValueDictionary[str, asyncio.Lock]
"""The lock of each terminal that looks somebody up right now."""


@dataclass(frozen=True)
class LookUps:
    """Who a scanned or typed value names; refused to a terminal that misses too often.

    A terminal looks up one at a time: of many at once each would count the misses before any of
    them was written down. Kept for the life of a process.
    """

    booking: Booking
    _turns: Turns = field(default_factory=Turns, repr=False)

    async def one(self, terminal: str, ask: ResolveMember) -> str:
        """The member meant; raises TillRefused."""
        found = await self.several(terminal, ask)
        if not found:
            raise refused("member_not_found")
        if len(found) > 1:
            raise refused("member_ambiguous")
        return found[0]

    async def several(self, terminal: str, ask: ResolveMember) -> Sequence[str]:
        """Whoever may be meant, three at most; raises TillRefused."""
        async with self._turns.setdefault(terminal, asyncio.Lock()):
            return await self._counted(terminal, ask)

    async def _counted(self, terminal: str, ask: ResolveMember) -> Sequence[str]:
        async with self.booking.database.begin() as conn:
            values = {"t": terminal, "within": MINUTE}
            now, missed = (await conn.execute(text(MISSED), values)).one()
        try:
            if missed >= MISSES:
                raise refused("lookups_exhausted")
            found = await self._found(ask, now)
        except TillRefused:
            await self._write_down(terminal, ask, now, "refused", None)
            raise
        outcome = "none" if not found else "found" if len(found) == 1 else "several"
        only = found[0] if len(found) == 1 else None
        await self._write_down(terminal, ask, now, outcome, only)
        return found

    async def _found(self, ask: ResolveMember, now: datetime) -> Sequence[str]:
        if ask.scheme == "qr" or (ask.scheme == "auto" and _is_token(ask.value)):
            return [await self._by_qr(ask.value, now)]
        if ask.scheme == "member":
            async with self.booking.database.begin() as conn:
                known = (await conn.execute(text(IS_MEMBER), {"m": ask.value})).first()
            return [ask.value] if known else []
        return await members_by(self.booking, _identities(ask))

    async def _by_qr(self, token: str, now: datetime) -> str:
        """Signed by this hub, of this minute, and shown for the first time."""
        try:
            claims = Signer(self.booking.ring).read(QR_TYPE, token, QrClaims)
        except SignatureInvalid:
            raise refused("qr_invalid") from None
        if not claims.iat - SKEW <= seconds(now) < claims.exp:
            raise refused("qr_expired")
        async with self.booking.database.begin() as conn:
            done = await conn.execute(text(USE_QR), {"jti": claims.jti, "at": now})
        if done.rowcount != 1:
            raise refused("qr_used")
        return claims.sub

    async def _write_down(
        self, terminal: str, ask: ResolveMember, now: datetime, outcome: str, member: str | None
    ) -> None:
        row = {
            "t": terminal,
            "at": now,
            "scheme": ask.scheme,
            "blind": self._blind(ask),
            "outcome": outcome,
            "m": member,
        }
        async with self.booking.database.begin() as conn:
            await conn.execute(text(WRITE_DOWN), row)

    def _blind(self, ask: ResolveMember) -> bytes:
        """The digest by which an identity is found, so that an audit can tell whose it was."""
        usable = [normalized(one) for one in _identities(ask)]
        named = next((one for one in usable if one is not None), None)
        if named is None:
            said = hashlib.sha256(ask.value.encode()).hexdigest()
            return self.booking.ring.blind("lookup", ask.scheme, said)
        return self.booking.ring.blind(named.kind.value, named.scope, named.value)


def _identities(ask: ResolveMember) -> list[Identity]:
    """What the value may be; a longer one than any identity is none."""
    if len(ask.value) > LONGEST:
        return []
    return [Identity(kind=kind, value=ask.value) for kind in KINDS.get(ask.scheme, ())]


def _is_token(value: str) -> bool:
    """A signed code is three parts, and its header is a JSON object in base64."""
    return value.startswith("eyJ") and value.count(".") == 2


def draw_qr(ring: KeyRing, member: str, now: datetime, jti: str) -> str:
    """The rotating code of a member's card: what a phone shows for a minute."""
    at = seconds(now)
    claims = QrClaims(sub=member, iat=at, exp=at + QR_SECONDS, jti=jti)
    return Signer(ring).sign(QR_TYPE, claims)


async def forget_old_codes(conn: AsyncConnection, now: datetime) -> int:
    """QR codes whose time is over need not be kept; gives how many went."""
    done = await conn.execute(text(FORGET_QR), {"before": now - QR_KEPT})
    return done.rowcount
