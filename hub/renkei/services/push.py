"""Writing balances to the channels that show them: always the newest, never twice."""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import text

from renkei.connections import store
from renkei.connections.opened import OpenConnection, OpenConnections
from renkei.ledger.balance import ChannelBalance, channel_balance
from renkei.ledger.loading import read_books
from renkei.loyalty.program import Program
from renkei.messaging import mirror
from renkei.messaging.mirror import MirrorRow
from renkei.services.members import RULES
from renkei.services.personal import opened_identity, opened_names
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.capability import Balances
from renkei_contracts.errors import GiveUp, RateLimited, Reauthorize, RenkeiError, TryLater
from renkei_contracts.member import NewMember
from renkei_contracts.point import BalanceWrite

log = structlog.get_logger(__name__)

PROFILE = """
SELECT k.wrapped, p.sealed,
       (SELECT i.sealed FROM identity i WHERE i.member_id = p.member_id AND i.kind = 'card'
           AND i.valid_until IS NULL ORDER BY i.valid_from DESC LIMIT 1)
FROM member_profile p JOIN member_key k USING (member_id) WHERE p.member_id = :m"""


@dataclass
class Push:
    """Brings one mirror row up to date."""

    database: Database
    ring: KeyRing
    connections: OpenConnections

    async def push(self, row: MirrorRow) -> None:
        """Create the member at the vendor where they are missing, then write the balance."""
        connection = await self.connections.get(row.connection)
        try:
            await self._push(row, connection)
        except RateLimited as wait:
            pause = timedelta(seconds=wait.retry_after or 0)
            await self._again(row, wait, pause)
        except TryLater as error:
            await self._again(row, error, None)
        except Reauthorize as error:
            await self._needs_authorization(row, error)
        except GiveUp as error:
            async with self.database.begin() as conn:
                await mirror.park(conn, row, str(error))
            log.warning("mirror_parked", connection=row.connection, reason=str(error))

    async def _push(self, row: MirrorRow, connection: OpenConnection) -> None:
        balances = connection.balances
        if balances is None:
            return
        external = row.external_id or await self._create(row, connection)
        found = await self._balance(row.member)
        points = found.balance.spendable
        seen = await balances.read(external) if balances.mode == "delta" else None
        if seen is None or seen != points:
            await self._write(row, balances, external, found, seen)
        async with self.database.begin() as conn:
            version = found.balance.version
            await mirror.written(conn, row, version, points, found.next_change_at)
            await store.note_success(conn, row.connection)

    async def _write(
        self,
        row: MirrorRow,
        balances: Balances,
        external: str,
        found: ChannelBalance,
        seen: int | None,
    ) -> None:
        """One write; for a vendor that only knows changes, from what was read just before."""
        change = found.balance.spendable - (seen or 0)
        if seen is not None:
            async with self.database.begin() as conn:
                await mirror.intend(conn, row, seen, change)
        note = f"renkei {found.balance.version}"
        write = BalanceWrite(balance=found.balance, change=change, note=note)
        await balances.write(external, write)

    async def _create(self, row: MirrorRow, connection: OpenConnection) -> str:
        """The member at the vendor, found again or made, known by the card that tills scan."""
        if connection.member_creation is None:
            raise GiveUp(f"{row.connection} cannot create members: link the customer by hand")
        async with self.database.begin() as conn:
            profile = (await conn.execute(text(PROFILE), {"m": row.member})).one()
        key = self.ring.unwrap(row.member, bytes(profile[0]))
        names = opened_names(self.ring, key, row.member, bytes(profile[1]))
        card = opened_identity(self.ring, key, row.member, bytes(profile[2]))
        new = NewMember(
            member=row.member, card=card, family_name=names.family, given_name=names.given
        )
        made = await connection.member_creation.create(new)
        async with self.database.begin() as conn:
            await mirror.created(conn, row, made.id)
        return made.id

    async def _balance(self, member: str) -> ChannelBalance:
        async with self.database.begin() as conn:
            books = (await read_books(conn, [member]))[member]
            now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
            rules = (await conn.execute(text(RULES), {"m": member})).scalar_one()
        return channel_balance(books, now, ZoneInfo(Program.model_validate(rules).zone))

    async def _again(self, row: MirrorRow, error: RenkeiError, wait: timedelta | None) -> None:
        async with self.database.begin() as conn:
            await mirror.try_again(conn, row, str(error), wait)
            now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
            await store.note_failure(conn, row.connection, now, str(error))

    async def _needs_authorization(self, row: MirrorRow, error: RenkeiError) -> None:
        async with self.database.begin() as conn:
            await mirror.try_again(conn, row, str(error))
            told = await store.set_state(conn, row.connection, "needs_authorization", str(error))
        if told:
            log.error("connection_needs_authorization", connection=row.connection)
