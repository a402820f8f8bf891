"""Facts of a plugin: asked for once a day, each morning, and stated with their source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from pydantic import ValidationError
from sqlalchemy import text

from renkei.connections.calling import call
from renkei.connections.opened import OpenConnection
from renkei.messaging import polls
from renkei.messaging.polls import Claimed
from renkei.services.flow.lanes import Tools
from renkei.services.setup.facts import NewFact, state
from renkei_contracts.capability import Fact
from renkei_contracts.errors import PayloadInvalid, UnsupportedFeature

log = structlog.get_logger(__name__)

MORNING = time(5)
"""When a day's facts are asked for, in the program's zone: before shops open."""

MOST = 1_000
"""Facts of one connection and day."""

ZONE = """
SELECT p.zone FROM connection c JOIN program p USING (program_id) WHERE c.connection_id = :c"""


@dataclass(frozen=True)
class ReadFacts:
    """Asks a connection what holds today. Failures are the poll's: it is asked again."""

    tools: Tools

    SECONDS = 20.0
    """One day's answer may take several calls."""

    async def read(self, opened: OpenConnection, claimed: Claimed) -> None:
        """State today's facts, then wait for the next morning."""
        now = self.tools.clock()
        async with self.tools.database.begin() as conn:
            zone = (await conn.execute(text(ZONE), {"c": opened.id})).scalar_one()
        facts = await self._asked(opened, now.astimezone(ZoneInfo(zone)).date())
        await self.tools.trouble.worked(opened)
        done = await state(self.tools.database, facts)
        for kept in done.differ:
            log.info("fact_stays", connection=opened.id, fact=kept.name, place=kept.place)
        async with self.tools.database.begin() as conn:
            await polls.finish(conn, claimed, next_morning(now, ZoneInfo(zone)))

    async def _asked(self, opened: OpenConnection, day: date) -> Sequence[NewFact]:
        what = f"connection {opened.id}: facts of {day}"
        if opened.facts is None:
            raise UnsupportedFeature(f"{what}: the plugin {opened.row.vendor} cannot")
        found = await call(what, opened.facts.facts(day), seconds=self.SECONDS)
        if len(found) > MOST:
            raise PayloadInvalid(f"{what}: more than {MOST}")
        try:
            return [_stated(fact) for fact in found if fact.day == day]
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"]))
            raise PayloadInvalid(f"{what}: {where} is not as facts have it") from None


def next_morning(now: datetime, zone: ZoneInfo) -> datetime:
    """The next instant at which it is MORNING in the zone."""
    local = now.astimezone(zone)
    days = 0 if local.time() < MORNING else 1
    return datetime.combine(local.date() + timedelta(days=days), MORNING, zone)


def _stated(fact: Fact) -> NewFact:
    return NewFact(
        name=fact.name, area=fact.area, day=fact.day, value=fact.value, source=fact.source
    )
